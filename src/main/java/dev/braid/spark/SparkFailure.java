package dev.braid.spark;

import dev.braid.InputException;
import java.io.InterruptedIOException;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.util.List;

/** Finds the cause of a failed Spark job that its user can act on. */
final class SparkFailure {
    /** What Spark's messages about a file that cannot be read have in common, by version. */
    private static final List<String> UNREADABLE = List.of(
            "FAILED_READ_FILE",
            "CANNOT_READ_FILE_FOOTER",
            "Encountered error while reading file",
            "Parquet column cannot be converted");

    private SparkFailure() {}

    /** The bad input behind {@code failure}; {@code failure} itself, unchecked, where there is none. */
    static RuntimeException translate(Exception failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof InputException input) {
                return input;
            }
        }
        if (unreadable(failure) != null && !isNetwork(failure)) {
            return new InputException(
                    "Cannot read feature tables: expected intact Parquet files, got " + reason(failure), failure);
        }
        return failure instanceof RuntimeException unchecked
                ? unchecked
                : new IllegalStateException(firstLine(failure), failure);
    }

    /** A storage that does not answer is no fault of the files; trying again may help. */
    private static boolean isNetwork(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof SocketException
                    || cause instanceof UnknownHostException
                    || cause instanceof InterruptedIOException) {
                return true;
            }
        }
        return false;
    }

    /** What Spark says of a file that it cannot read, and why; of any other failure its first line. */
    static String reason(Throwable failure) {
        Throwable unreadable = unreadable(failure);
        if (unreadable == null) {
            return firstLine(failure);
        }
        Throwable root = unreadable;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return root == unreadable ? firstLine(root) : firstLine(unreadable) + " " + firstLine(root);
    }

    /** The innermost failure to read a file, as the outer ones quote it with all their surroundings; null if there is none. */
    private static Throwable unreadable(Throwable failure) {
        Throwable innermost = null;
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            String message = String.valueOf(cause.getMessage());
            if (UNREADABLE.stream().anyMatch(message::contains)) {
                innermost = cause;
            }
        }
        return innermost;
    }

    static String firstLine(Throwable failure) {
        return String.valueOf(failure.getMessage())
                .lines()
                .findFirst()
                .orElse("")
                .strip();
    }
}
