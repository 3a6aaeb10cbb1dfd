package dev.braid.spark;

import dev.braid.Shown;

/** The output is there already and nothing said that it may be replaced. */
public final class OutputExistsException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    OutputExistsException(String message) {
        super(Shown.withoutSecrets(message));
    }
}
