package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.InputException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.concurrent.ExecutionException;
import org.apache.spark.SparkException;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;

class FailureTest {
    private final StringWriter error = new StringWriter();
    private final Failure failure = new Failure(new PrintWriter(error, true));

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
    void badInputThatATaskFoundIsReportedAsIfTheDriverHad() {
        Throwable thrown = null;
        try (SparkSession spark = SparkSession.builder()
                .master("local[2]")
                .config("spark.ui.enabled", false)
                .config("spark.sql.warehouse.dir", "target/spark-warehouse")
                .getOrCreate()) {
            spark.createDataset(List.of(1, 2, 3), Encoders.INT())
                    .map((MapFunction<Integer, Integer>) FailureTest::refuseThree, Encoders.INT())
                    .collectAsList();
        } catch (Exception e) {
            thrown = e;
        }

        assertThat(thrown).isNotNull().isNotInstanceOf(InputException.class);
        assertThat(failure.report(thrown, "fuse", false)).isEqualTo(ExitCode.INPUT);
        assertThat(error).hasToString("Cannot decode row '3': expected less, got 3\n");
    }

    private static int refuseThree(int value) {
        if (value == 3) {
            throw new InputException("Cannot decode row '3': expected less, got 3");
        }
        return value;
    }

    @Test
    void anyOtherFailureIsTheFirstLineOfItsLastCause() {
        Throwable thrown = new SparkException(
                "Job aborted due to stage failure",
                new IOException("No space left on device\nDriver stacktrace:\n  at x"));

        assertThat(failure.report(thrown, "fuse", false)).isEqualTo(ExitCode.FAILED);
        assertThat(error)
                .hasToString("Cannot fuse: java.io.IOException: No space left on device;"
                        + " add --verbose for the stack trace\n");
    }

    @Test
    void aFailureWithoutAMessageIsItsType() {
        assertThat(failure.report(new StackOverflowError(), "fuse", false)).isEqualTo(ExitCode.FAILED);
        assertThat(error).hasToString("Cannot fuse: java.lang.StackOverflowError; add --verbose for the stack trace\n");
    }

    @Test
    void verboseShowsTheStackTraceAndEndsWithTheMessage() {
        assertThat(failure.report(new InputException("Cannot read a", new IOException("why")), "fuse", true))
                .isEqualTo(ExitCode.INPUT);
        assertThat(error.toString())
                .startsWith("dev.braid.InputException: Cannot read a\n\tat ")
                .contains("Caused by: java.io.IOException: why")
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
