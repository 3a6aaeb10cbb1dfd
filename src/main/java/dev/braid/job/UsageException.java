package dev.braid.job;

/**
 * The command line or the options file cannot be parsed, or its options do not fit each other. The message is complete for the
 * user.
 */
final class UsageException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    UsageException(String message) {
        super(message);
    }
}
