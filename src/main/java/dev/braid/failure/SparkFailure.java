package dev.braid.failure;

import dev.braid.InputException;
import java.util.List;

/** Finds a cause of a failed Spark job that the user can act on. */
public final class SparkFailure {
    /** The common parts of Spark's messages about a file that cannot be read, by version. */
    private static final List<String> UNREADABLE = List.of(
            "FAILED_READ_FILE",
            "CANNOT_READ_FILE_FOOTER",
            "Encountered error while reading file",
            "Parquet column cannot be converted");

    private SparkFailure() {}

    /**
     * The exception to throw instead of {@code failure}: an {@link InputException} if bad input caused it and a retry cannot
     * help; a {@link TransientException} if memory, a disk, the network or storage caused it, or if a file cannot be read for
     * another reason than its content; otherwise {@code failure} itself, as an unchecked exception.
     */
    public static RuntimeException translate(Throwable failure) {
        return translate(failure, "Cannot run a Spark job");
    }

    /**
     * Like {@link #translate(Throwable)}. {@code attempt} begins the message of a {@link TransientException}, unless the causes
     * already have a message for the user or are about a file that cannot be read.
     */
    public static RuntimeException translate(Throwable failure, String attempt) {
        Diagnosis diagnosis = Diagnosis.of(failure);
        InputException input = input(failure);
        Throwable unreadable = unreadable(failure);
        return switch (diagnosis.kind()) {
            case HEAP, NATIVE_MEMORY, CONTAINER, DISK_FULL ->
                new TransientException(attempt + ": " + diagnosis.message(), failure);
            case INPUT, LIBRARY ->
                input != null
                        ? input
                        : unreadable != null
                                ? new InputException(
                                        (diagnosis.kind() == Diagnosis.Kind.INPUT
                                                        ? "Cannot read feature tables: expected intact Parquet files, got "
                                                        : "Cannot read feature tables: expected a library for the codec of every file, got ")
                                                + described(failure),
                                        failure)
                                : unchecked(failure);
            case PASSING ->
                new TransientException(
                        input != null
                                ? input.getMessage()
                                : unreadable != null ? unread(failure) : attempt + ": " + diagnosis.message(),
                        failure);
            case UNKNOWN -> unreadable != null ? new TransientException(unread(failure), failure) : unchecked(failure);
        };
    }

    private static String unread(Throwable failure) {
        return "Cannot read feature tables: expected files that can be read, got " + described(failure)
                + "; try again once the storage answers";
    }

    private static RuntimeException unchecked(Throwable failure) {
        if (failure instanceof Error error) {
            throw error;
        }
        return failure instanceof RuntimeException unchecked
                ? unchecked
                : new IllegalStateException(firstLine(failure), failure);
    }

    /** The first {@link InputException} in the chain of causes, or one that a task reported as text; null if there is none. */
    private static InputException input(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof InputException input) {
                return input;
            }
        }
        return Cause.chain(failure).stream()
                .filter(cause -> cause.types().get(0).equals(InputException.class.getName()))
                .findFirst()
                .map(cause -> new InputException(cause.message(), failure))
                .orElse(null);
    }

    /** Why a file cannot be read: Spark's message about it or, if the failure may pass, the exception with its type. */
    public static String reason(Throwable failure) {
        Diagnosis diagnosis = Diagnosis.of(failure);
        if (!diagnosis.isPermanent()) {
            return diagnosis.cause(); // with its type, so that a message that quotes it can be understood
        }
        return described(failure);
    }

    private static String described(Throwable failure) {
        Throwable unreadable = unreadable(failure);
        if (unreadable == null) {
            return firstLine(failure);
        }
        List<Cause> chain = Cause.chain(unreadable);
        String root = chain.get(chain.size() - 1).message().strip();
        String file = firstLine(unreadable);
        return file.endsWith(root) ? file : file + " " + root;
    }

    /**
     * The innermost failure of Spark to read a file, because the outer ones quote it with all their context; without one, the
     * failure of a Parquet decoder, which Iceberg's reader does not wrap; null if there is neither.
     */
    private static Throwable unreadable(Throwable failure) {
        Throwable innermost = null;
        Throwable decoder = null;
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            String message = String.valueOf(cause.getMessage());
            if (UNREADABLE.stream().anyMatch(message::contains)) {
                innermost = cause;
            }
            if (cause.getClass().getName().contains(".parquet.")) {
                decoder = cause;
            }
        }
        return innermost == null ? decoder : innermost;
    }

    public static String firstLine(Throwable failure) {
        return String.valueOf(failure.getMessage())
                .lines()
                .findFirst()
                .orElse("")
                .strip();
    }
}
