package dev.braid;

import java.util.List;

/**
 * What a path, a table or a model holds or lacks. The message is complete for the person who started the run: what was
 * attempted, on what, what was expected and why, what was found, and the next step. Passwords in it are masked.
 */
public final class InputException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public InputException(String message) {
        super(Shown.withoutSecrets(message));
    }

    public InputException(String message, Throwable cause) {
        super(Shown.withoutSecrets(message), cause);
    }

    /** All problems of one thing in one message, a line each; {@code problems} must not be empty. */
    public static InputException of(String summary, List<String> problems) {
        return new InputException(summary + ":\n  " + String.join("\n  ", problems));
    }
}
