package dev.braid.spark;

import dev.braid.InputException;
import java.util.List;

/** Finds the cause of a failed Spark job that its user can act on. */
final class SparkFailure {
    /** What Spark's messages about a file that cannot be read have in common, by version. */
    private static final List<String> UNREADABLE =
            List.of("FAILED_READ_FILE", "CANNOT_READ_FILE_FOOTER", "Encountered error while reading file");

    private SparkFailure() {}

    /** The bad input behind {@code failure}; {@code failure} itself, unchecked, where there is none. */
    static RuntimeException translate(Exception failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof InputException input) {
                return input;
            }
            String message = String.valueOf(cause.getMessage());
            if (UNREADABLE.stream().anyMatch(message::contains)) {
                return new InputException(
                        "Cannot read feature tables: expected intact Parquet files, got " + reason(cause), failure);
            }
        }
        return failure instanceof RuntimeException unchecked
                ? unchecked
                : new IllegalStateException(firstLine(failure), failure);
    }

    /** The first line of a message and of the root of its causes. */
    private static String reason(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        String first = firstLine(failure);
        return root == failure ? first : first + ": " + firstLine(root);
    }

    static String firstLine(Throwable failure) {
        return String.valueOf(failure.getMessage())
                .lines()
                .findFirst()
                .orElse("")
                .strip();
    }
}
