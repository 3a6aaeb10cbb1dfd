package dev.braid.failure;

import dev.braid.Shown;

/**
 * A run failed for a reason that may not occur on a second try: storage, network, memory, a full disk, an input that changed.
 * The message is complete for the person who started the run.
 */
public final class TransientException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public TransientException(String message, Throwable cause) {
        super(Shown.withoutSecrets(message), cause);
    }
}
