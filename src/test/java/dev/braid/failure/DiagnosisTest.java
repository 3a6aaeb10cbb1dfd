package dev.braid.failure;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.InputException;
import java.io.EOFException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.SocketTimeoutException;
import java.nio.channels.ClosedByInterruptException;
import java.util.stream.Stream;
import org.apache.hadoop.fs.ChecksumException;
import org.apache.hadoop.fs.UnsupportedFileSystemException;
import org.apache.hadoop.security.AccessControlException;
import org.apache.parquet.io.ParquetDecodingException;
import org.apache.spark.SparkException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class DiagnosisTest {
    private static final String JOB =
            "Job aborted due to stage failure: Task 0 in stage 3.0 failed 4 times, most recent"
                    + " failure: Lost task 0.3 in stage 3.0 (TID 7) (host executor 2): ";

    static Stream<Throwable> content() {
        return Stream.of(
                new ParquetDecodingException("could not verify page integrity, CRC checksum verification failed"),
                new RuntimeException("file:/x is not a Parquet file. Expected magic number at tail, but found [1, 2]"),
                new RuntimeException("corrupted file: the footer index is not within the file: 12"),
                new IOException("can not read class org.apache.parquet.format.PageHeader: Required field"),
                new EOFException("Reached the end of stream with 12 bytes left to read"),
                new ArrayIndexOutOfBoundsException("Index 17 out of bounds for length 3"),
                new NegativeArraySizeException("-3"),
                new ChecksumException("Checksum error: file:/x at 512", 512),
                new InputException("Cannot decode row 'No space left on device'"));
    }

    @ParameterizedTest
    @MethodSource("content")
    void whatABrokenFileDoesIsInput(Throwable root) {
        assertThat(kind(unreadable(root))).isEqualTo(Diagnosis.Kind.INPUT);
        assertThat(kind(new InputException("Cannot read a", root))).isEqualTo(Diagnosis.Kind.INPUT);
    }

    static Stream<Throwable> passing() {
        return Stream.of(
                new SocketTimeoutException("Read timed out"),
                new IOException("Filesystem closed"),
                new IOException("Could not obtain block: BP-1:blk_2 file=/x"),
                new IOException("Input/output error"),
                new RuntimeException("Slow Down (Service: S3, Status Code: 503)"),
                new IllegalStateException("Connection pool shut down"),
                new EOFException("Premature end of Content-Length delimited message body (expected: 9; received: 2)"),
                new UncheckedIOException(new IOException("Stale file handle")),
                new ClosedByInterruptException(),
                new InterruptedException());
    }

    @ParameterizedTest
    @MethodSource("passing")
    void whatMayPassIsFoundAnywhere(Throwable transientCause) {
        Throwable behindGood = new ParquetDecodingException("could not read page", transientCause);
        Throwable suppressed = new ArrayIndexOutOfBoundsException("17");
        suppressed.addSuppressed(transientCause);
        Throwable beside = new InputException("Cannot read a", new IOException("is not a Parquet file"));
        beside.addSuppressed(transientCause);

        assertThat(Stream.of(unreadable(transientCause), unreadable(behindGood), unreadable(suppressed), beside))
                .extracting(DiagnosisTest::kind)
                .containsOnly(Diagnosis.Kind.PASSING);
    }

    /** Of one class name, the metastore's client has another package than the reader of footers. */
    @Test
    void thriftsTransportIsTheMetastoreExceptInParquet() {
        String failed = ".thrift.transport.TTransportException: gone";
        assertThat(kind(new SparkException(JOB + "org.apache" + failed))).isEqualTo(Diagnosis.Kind.PASSING);
        assertThat(kind(new SparkException(JOB + "shaded.parquet.org.apache" + failed)))
                .isEqualTo(Diagnosis.Kind.INPUT);
    }

    @Test
    void aStorageErrorThatNobodyKnowsIsNotTheInputsFault() {
        assertThat(kind(unreadable(new IOException("the array controller sneezed"))))
                .isEqualTo(Diagnosis.Kind.UNKNOWN);
        assertThat(kind(new InputException("Cannot read a", new IOException("the array controller sneezed"))))
                .isEqualTo(Diagnosis.Kind.UNKNOWN);
    }

    @Test
    void whatAPathLacksIsInput() {
        assertThat(kind(new InputException("Cannot read a", new FileNotFoundException("a"))))
                .isEqualTo(Diagnosis.Kind.INPUT);
        assertThat(kind(new InputException("Cannot read a", new AccessControlException("Permission denied: user=x"))))
                .isEqualTo(Diagnosis.Kind.INPUT);
    }

    @Test
    void memoryIsToldApartByWhatRanOut() {
        assertThat(kind(unreadable(new RuntimeException(
                        "Cannot reserve additional contiguous bytes", new OutOfMemoryError("Java heap space")))))
                .isEqualTo(Diagnosis.Kind.HEAP);
        assertThat(kind(new OutOfMemoryError("GC overhead limit exceeded"))).isEqualTo(Diagnosis.Kind.HEAP);
        assertThat(kind(new OutOfMemoryError())).isEqualTo(Diagnosis.Kind.HEAP);
        assertThat(kind(new OutOfMemoryError(
                        "Physical memory usage is too high: physicalBytes (9g) > maxPhysicalBytes")))
                .isEqualTo(Diagnosis.Kind.NATIVE_MEMORY);
        assertThat(kind(new SparkException(JOB + "ExecutorLostFailure (executor 2 exited caused by one of the running"
                        + " tasks) Reason: Command exited with code 52")))
                .isEqualTo(Diagnosis.Kind.HEAP);
        assertThat(kind(new SparkException(JOB + "ExecutorLostFailure (executor 2 exited caused by one of the running"
                        + " tasks) Reason: Container killed by YARN. Exit code: 137, exit code 137")))
                .isEqualTo(Diagnosis.Kind.CONTAINER);
        assertThat(kind(new SparkException(JOB + "ExecutorLostFailure (executor 2 exited caused by one of the running"
                        + " tasks) Reason: Remote RPC client disassociated.")))
                .isEqualTo(Diagnosis.Kind.PASSING);
    }

    /** As YARN, Kubernetes and a standalone cluster say it. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "Container killed by YARN for exceeding physical memory limits. 5.5 GB of 5.5 GB physical memory used."
                        + " Consider boosting spark.executor.memoryOverhead.",
                "Container killed by YARN for exceeding memory limits. 5.5 GB of 5.5 GB physical memory used.",
                "Container from a bad node: container_1_0002_01_000003 on host: h. Exit status: 143. Diagnostics: Container"
                        + " killed on request. Exit code is 143",
                "Container marked as failed: container_1 on host: h. Exit status: 137. Diagnostics: Killed by external signal",
                "Container [pid=1,containerID=c] is running beyond physical memory limits",
                "Container [pid=1,containerID=c] is running 8192B beyond the 'PHYSICAL' memory limit",
                "The executor with id 2 exited with exit code 137(SIGKILL, possible container OOM).",
                "The executor with id 2 was terminated: OOMKilled",
                "Command exited with code 137",
                "Command exited with code 143"
            })
    void anExecutorThatWasKilledIsReportedAsThatWithTheSettingToChange(String reason) {
        Diagnosis killed = Diagnosis.of(new SparkException(JOB
                + "ExecutorLostFailure (executor 2 exited caused by one of the running tasks) Reason: " + reason
                + "\nDriver stacktrace:"));
        assertThat(killed.kind()).isEqualTo(Diagnosis.Kind.CONTAINER);
        assertThat(killed.message())
                .startsWith("expected executors that nothing kills, got '")
                .contains(reason, "raise spark.executor.memoryOverhead (jobs/plan.sh says how far)");
    }

    @ParameterizedTest
    @ValueSource(strings = {"Command exited with code 1", "Exit code 1370", "exit code 13", "took 143 s"})
    void otherEndsOfAnExecutorAreNotTakenForAKill(String reason) {
        Diagnosis lost = Diagnosis.of(new SparkException(
                JOB + "ExecutorLostFailure (executor 2 exited caused by one of the running tasks) Reason: " + reason));
        assertThat(lost.kind()).isEqualTo(Diagnosis.Kind.PASSING);
        assertThat(lost.message())
                .endsWith(
                        "; try again, and if executors are lost again, raise spark.executor.memoryOverhead (jobs/plan.sh"
                                + " says how far)");
    }

    @Test
    void anAllocationThatNd4jCannotMakeIsNativeMemory() {
        assertThat(kind(new RuntimeException("Allocation failed: [[HOST] allocation of 8 bytes failed]")))
                .isEqualTo(Diagnosis.Kind.NATIVE_MEMORY);
    }

    @Test
    void theSettingThatLimitsNativeMemoryIsNamed() {
        Diagnosis limited = Diagnosis.of(
                new OutOfMemoryError("Physical memory usage is too high: physicalBytes (9g) > maxPhysicalBytes"));
        assertThat(limited.message()).contains("raise org.bytedeco.javacpp.maxphysicalbytes");
        assertThat(Diagnosis.of(new OutOfMemoryError("unable to create native thread"))
                        .message())
                .contains("raise spark.executor.memoryOverhead");
    }

    @Test
    void aLibraryThatIsMissingIsNamedWithTheNextStep() {
        Throwable codec = new ClassNotFoundException("org.apache.hadoop.io.compress.BrotliCodec");
        assertThat(kind(unreadable(codec))).isEqualTo(Diagnosis.Kind.LIBRARY);
        assertThat(SparkFailure.translate(unreadable(codec)))
                .isInstanceOf(InputException.class)
                .hasMessageStartingWith(
                        "Cannot read feature tables: expected a library for the codec of every file, got ")
                .hasMessageContaining("file:///x.parquet")
                .hasMessageContaining("BrotliCodec");
        assertThat(Diagnosis.of(unreadable(codec)).nextStep())
                .isEqualTo(
                        "; add its library before the --, with --packages or --jars, or take another codec, such as zstd");
        assertThat(Diagnosis.of(new UnsupportedFileSystemException("No FileSystem for scheme \"gs\""))
                        .nextStep())
                .isEqualTo("; add its library before the --, with --packages or --jars");
        assertThat(Diagnosis.of(new ClassNotFoundException("Class org.apache.hadoop.fs.s3a.S3AFileSystem not found"))
                        .message())
                .endsWith(
                        "; add its library before the --, with --packages org.apache.hadoop:hadoop-aws:VERSION (that of"
                                + " Hadoop)");
        assertThat(Diagnosis.of(new FileNotFoundException("a")).nextStep()).isEmpty();
    }

    @Test
    void datesThatSparkRefusesAreTheInputsFault() {
        assertThat(
                        kind(
                                new SparkException(
                                        JOB + "org.apache.spark.SparkUpgradeException:"
                                                + " [INCONSISTENT_BEHAVIOR_CROSS_VERSION.READ_ANCIENT_DATETIME] You may get a different result\n\tat x")))
                .isEqualTo(Diagnosis.Kind.INPUT);
    }

    @ParameterizedTest
    @CsvSource({
        "org.apache.hadoop.fs.RawLocalFileSystem$LocalFSFileOutputStream, at the output",
        "org.apache.parquet.hadoop.ParquetFileWriter, at the output",
        "org.apache.spark.storage.DiskBlockObjectWriter, 'in Spark''s local directories (spark.local.dir or SPARK_LOCAL_DIRS, else java.io.tmpdir)'",
        "org.apache.spark.util.collection.ExternalSorter, 'in Spark''s local directories (spark.local.dir or SPARK_LOCAL_DIRS, else java.io.tmpdir)'",
        "com.github.luben.zstd.util.Native, for temporary files (java.io.tmpdir)",
        "org.bytedeco.javacpp.Loader, 'for native libraries (~/.cache/braid, without a home java.io.tmpdir, or what org.bytedeco.javacpp.cachedir names)'",
        "a.B, 'at the output, in Spark''s local directories (spark.local.dir) and for temporary files (java.io.tmpdir)'",
    })
    void theDiskThatIsFullIsToldByWhoWroteToIt(String writer, String disk) {
        Throwable full = new IOException("No space left on device");
        full.setStackTrace(new StackTraceElement[] {
            new StackTraceElement("java.io.FileOutputStream", "write", "", 1),
            new StackTraceElement(writer, "write", "", 1)
        });
        Throwable wrapped = new SparkException("Task failed", full);
        wrapped.setStackTrace(new StackTraceElement[] {new StackTraceElement("org.apache.spark.X", "run", "", 1)});

        assertThat(Diagnosis.of(wrapped).message())
                .startsWith("expected free disk space " + disk + ", got 'IOException: No space left on device'");
    }

    @Test
    void aFullDiskIsFoundInAnError() {
        assertThat(kind(new SparkException(
                        "[TASK_WRITE_FAILED] Task failed", new Error(new IOException("No space left on device")))))
                .isEqualTo(Diagnosis.Kind.DISK_FULL);
    }

    /** As Spark reports a task whose exception cannot be deserialised. */
    @Test
    void aCauseThatIsOnlyTextIsFound() {
        String read = "org.apache.spark.SparkException: [FAILED_READ_FILE.NO_HINT] Encountered error while reading file"
                + " file:///x.parquet. SQLSTATE: KD001\n\tat org.apache.spark.A.b(A.scala:1)\nCaused by: ";
        String end = "\n\tat a.b.C.d(E.java:1)\n\nDriver stacktrace:";

        assertThat(kind(new SparkException(JOB + read + "java.lang.OutOfMemoryError: Java heap space" + end)))
                .isEqualTo(Diagnosis.Kind.HEAP);
        assertThat(kind(new SparkException(
                        JOB + read + "org.apache.hadoop.hdfs.BlockMissingException: Could not obtain" + end)))
                .isEqualTo(Diagnosis.Kind.PASSING);
        assertThat(kind(new SparkException(JOB + read
                        + "org.apache.parquet.io.ParquetDecodingException: could not verify page integrity" + end)))
                .isEqualTo(Diagnosis.Kind.INPUT);
        assertThat(kind(new SparkException(JOB + "dev.braid.InputException: Cannot decode row 'a'" + end)))
                .isEqualTo(Diagnosis.Kind.INPUT);
    }

    @Test
    void anExceptionThatAListOfProblemsNamesIsFound() {
        assertThat(kind(new InputException("Cannot load x:\n  Cannot read a: expected a readable file, got"
                        + " SocketTimeoutException: Read timed out\n  more")))
                .isEqualTo(Diagnosis.Kind.PASSING);
    }

    private static Diagnosis.Kind kind(Throwable failure) {
        return Diagnosis.of(failure).kind();
    }

    private static Throwable unreadable(Throwable cause) {
        Throwable read = new SparkException(
                "[FAILED_READ_FILE.NO_HINT] Encountered error while reading file file:///x.parquet. SQLSTATE: KD001",
                cause);
        return new SparkException(JOB + read + "\n\tat x\nDriver stacktrace:", new SparkException("Task failed", read));
    }
}
