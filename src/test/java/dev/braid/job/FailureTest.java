package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.InputException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.SocketTimeoutException;
import java.util.concurrent.ExecutionException;
import org.apache.spark.SparkException;
import org.junit.jupiter.api.Test;

class FailureTest {
    private final StringWriter error = new StringWriter();
    private final Failure failure = new Failure(new Messages(new PrintWriter(error, true)));

    @Test
    void badInputIsItsMessageAlone() {
        assertThat(failure.report(new InputException("Cannot read a: expected b, got c"), "fuse", false))
                .isEqualTo(ExitCode.INPUT);
        assertThat(error).hasToString("Cannot read a: expected b, got c\n");
    }

    @Test
    void badInputIsFoundBehindAnyNumberOfWrappers() {
        Throwable wrapped = new SparkException(
                "Job aborted", new ExecutionException(new IllegalStateException(new InputException("Cannot read a"))));

        assertThat(failure.report(wrapped, "fuse", false)).isEqualTo(ExitCode.INPUT);
        assertThat(error).hasToString("Cannot read a\n");
    }

    @Test
    void anyOtherFailureIsTheFirstLineOfItsLastCause() {
        Throwable thrown = new SparkException(
                "Job aborted due to stage failure", new IOException("The disk is gone.\nDriver stacktrace:\n  at x"));

        assertThat(failure.report(thrown, "fuse", false)).isEqualTo(ExitCode.FAILED);
        assertThat(error)
                .hasToString(
                        "Cannot fuse: java.io.IOException: The disk is gone;" + " add --verbose for the stack trace\n");
    }

    @Test
    void badInputBehindWhichIsAStorageErrorMayPass() {
        Throwable timeout = new InputException("Cannot read a", new IOException(new SocketTimeoutException("x")));
        assertThat(failure.report(timeout, "fuse", false)).isEqualTo(ExitCode.FAILED);
        Throwable unknown = new InputException("Cannot read b", new IOException("never heard of"));
        assertThat(failure.report(unknown, "fuse", false)).isEqualTo(ExitCode.FAILED);
        Throwable missing = new InputException("Cannot read c", new FileNotFoundException("x"));
        assertThat(failure.report(missing, "fuse", false)).isEqualTo(ExitCode.INPUT);
        assertThat(error).hasToString("Cannot read a\nCannot read b\nCannot read c\n");
    }

    @Test
    void anExhaustedHeapIsReportedAsThatWhateverItWasTakenFor() {
        Throwable thrown =
                new InputException("Cannot read a: expected Parquet", new OutOfMemoryError("Java heap space"));
        assertThat(failure.report(thrown, "fuse", false)).isEqualTo(ExitCode.FAILED);
        assertThat(error.toString())
                .startsWith(
                        "Cannot fuse: expected enough heap memory, got 'OutOfMemoryError: Java heap space'; raise it");
    }

    @Test
    void aFileSystemWithoutItsLibraryIsThePathsFault() {
        Throwable thrown = new RuntimeException(
                new ClassNotFoundException("Class org.apache.hadoop.fs.s3a.S3AFileSystem not found"));
        assertThat(failure.report(thrown, "fuse", false)).isEqualTo(ExitCode.INPUT);
        assertThat(error.toString()).contains("--packages org.apache.hadoop:hadoop-aws");
    }

    @Test
    void theNextStepFollowsAMessageThatNamesAMissingLibrary() {
        Throwable listed = new InputException(
                "Cannot open feature tables:\n  table 's3a://b/m': expected a path that can be opened, got"
                        + " ClassNotFoundException: Class org.apache.hadoop.fs.s3a.S3AFileSystem not found");
        assertThat(failure.report(listed, "fuse", false)).isEqualTo(ExitCode.INPUT);
        assertThat(error.toString())
                .containsOnlyOnce("; add its library before the --, with --packages org.apache.hadoop");

        Throwable codec = new IllegalStateException(new ClassNotFoundException("com.hadoop.compression.lzo.LzoCodec"));
        assertThat(failure.report(codec, "fuse", false)).isEqualTo(ExitCode.INPUT);
        assertThat(error.toString())
                .endsWith("Cannot fuse: expected a library for every file system and codec that is named, got"
                        + " 'ClassNotFoundException: com.hadoop.compression.lzo.LzoCodec'; add its library before the --, with"
                        + " --packages or --jars, or take another codec, such as zstd\n");
    }

    @Test
    void namesAndPasswordsAreMadeSafeInMessagesAndTraces() {
        failure.report(new InputException("row '\u001b[2J' of hdfs://u:secret@h/x"), "fuse", true);
        assertThat(error.toString())
                .doesNotContain("\u001b", "secret")
                .contains("\tat ")
                .endsWith("\nrow '\\u001b[2J' of hdfs://u:***@h/x\n");
    }

    @Test
    void aFailureWithoutAMessageIsItsType() {
        assertThat(failure.report(new StackOverflowError(), "fuse", false)).isEqualTo(ExitCode.FAILED);
        assertThat(error).hasToString("Cannot fuse: java.lang.StackOverflowError; add --verbose for the stack trace\n");
    }

    @Test
    void verboseShowsTheStackTraceAndEndsWithTheMessage() {
        assertThat(failure.report(new InputException("Cannot read a", new FileNotFoundException("why")), "fuse", true))
                .isEqualTo(ExitCode.INPUT);
        assertThat(error.toString())
                .startsWith("dev.braid.InputException: Cannot read a\n\tat ")
                .contains("Caused by: java.io.FileNotFoundException: why")
                .endsWith("\nCannot read a\n");
    }

    @Test
    void causesThatLeadInACircleEnd() {
        Exception one = new Exception("one");
        Exception two = new Exception("two", one);
        one.initCause(two);

        assertThat(failure.report(two, "fuse", false)).isEqualTo(ExitCode.FAILED);
    }
}
