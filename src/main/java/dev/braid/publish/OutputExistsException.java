package dev.braid.publish;

import dev.braid.Shown;

/** The output exists and must not be replaced, or another run writes it. */
public final class OutputExistsException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public OutputExistsException(String message) {
        super(Shown.withoutSecrets(message));
    }
}
