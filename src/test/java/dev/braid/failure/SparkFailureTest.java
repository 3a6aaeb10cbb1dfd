package dev.braid.failure;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.InputException;
import java.io.IOException;
import org.apache.parquet.io.ParquetDecodingException;
import org.apache.spark.SparkException;
import org.junit.jupiter.api.Test;

class SparkFailureTest {
    private static final String FILE = "[FAILED_READ_FILE.NO_HINT] Encountered error while reading file file:///x.";

    @Test
    void aDamagedFileIsBadInput() {
        assertThat(SparkFailure.translate(
                        new SparkException(FILE, new ParquetDecodingException("CRC checksum verification failed"))))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot read feature tables: expected intact Parquet files, got " + FILE
                        + " CRC checksum verification failed");
        assertThat(SparkFailure.translate(new SparkException(
                        "Job aborted", new ParquetDecodingException("could not verify page integrity"))))
                .as("of Iceberg's reader")
                .isInstanceOf(InputException.class)
                .hasMessage(
                        "Cannot read feature tables: expected intact Parquet files, got could not verify page integrity");
    }

    @Test
    void aStorageThatFailsIsNotAndNamesTheFile() {
        assertThat(SparkFailure.translate(new SparkException(FILE, new IOException("Filesystem closed"))))
                .isInstanceOf(TransientException.class)
                .hasMessage("Cannot read feature tables: expected files that can be read, got " + FILE
                        + " Filesystem closed; try again once the storage answers");
        assertThat(SparkFailure.translate(new SparkException(FILE, new IOException("never heard of"))))
                .isInstanceOf(TransientException.class);
    }

    @Test
    void anExhaustedHeapIsNoDamagedFileAndSaysWhatToDo() {
        assertThat(SparkFailure.translate(new SparkException(
                        FILE, new RuntimeException("Cannot reserve", new OutOfMemoryError("Java heap space")))))
                .isInstanceOf(TransientException.class)
                .hasMessageContaining("expected enough heap memory, got 'OutOfMemoryError: Java heap space'; raise it")
                .hasMessageContaining("--driver-memory")
                .hasMessageContaining("--executor-memory")
                .hasMessageContaining("columnarReaderBatchSize");
    }

    @Test
    void aFullDiskIsNamed() {
        assertThat(SparkFailure.translate(new SparkException("x", new IOException("No space left on device"))))
                .isInstanceOf(TransientException.class)
                .hasMessageContaining("expected free disk space")
                .hasMessageContaining("spark.local.dir");
    }

    @Test
    void aRowThatATaskRefusedIsItsMessageEvenAsText() {
        InputException refused = new InputException("Cannot decode row 'a'");
        assertThat(SparkFailure.translate(new SparkException("Job aborted", refused)))
                .isSameAs(refused);
        assertThat(SparkFailure.translate(new SparkException("Job aborted due to stage failure: Task 0 in stage 0.0"
                        + " failed 1 times, most recent failure: Lost task 0.0 in stage 0.0 (TID 0) (h executor 1):"
                        + " dev.braid.InputException: Cannot decode row 'a'\n\tat x")))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot decode row 'a'");
    }

    @Test
    void anyOtherFailureStaysWhatItIs() {
        IllegalArgumentException failure = new IllegalArgumentException("spark.memory.fraction");
        assertThat(SparkFailure.translate(failure)).isSameAs(failure);
    }
}
