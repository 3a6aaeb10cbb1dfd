package dev.braid.publish;

import dev.braid.Shown;

/** The output exists, and nothing says that it may be replaced. */
public final class OutputExistsException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public OutputExistsException(String message) {
        super(Shown.withoutSecrets(message));
    }
}
