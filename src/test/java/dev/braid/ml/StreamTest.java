package dev.braid.ml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.spark.SharedSpark;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeoutException;
import org.apache.spark.api.java.function.VoidFunction2;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.StreamingQueryException;
import org.apache.spark.sql.streaming.Trigger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The recipe of src/docs/streams.md: files that arrive are fused batch by batch, and a query that restarts doubles nothing. */
@ExtendWith(SharedSpark.class)
class StreamTest {
    private static final int FILES = 3;

    private final SparkSession spark;

    @TempDir
    private Path directory;

    private Dataset<Row> pairs;
    private final List<Long> batches = new ArrayList<>();

    StreamTest(SparkSession spark) {
        this.spark = spark;
    }

    private static FusionTransformer fusion() {
        return new FusionTransformer()
                .setModel("src/demo/model")
                .setDtype("visual=float16", "text=float16")
                .setVectors("float32");
    }

    private String path(String name) {
        return directory.resolve(name).toString();
    }

    @BeforeEach
    void write() {
        Dataset<Row> text = spark.read().parquet("src/demo/text.parquet").select("codepoints", "text");
        spark.read()
                .parquet("src/demo/visual.parquet")
                .select("codepoints", "visual")
                .join(text, "codepoints")
                .repartition(FILES)
                .write()
                .parquet(path("pairs"));
        pairs = spark.read().parquet(path("pairs"));
    }

    /** Reads what has arrived, a file in each batch, and ends. */
    private void run(VoidFunction2<Dataset<Row>, Long> each) throws TimeoutException, StreamingQueryException {
        spark.readStream()
                .schema(pairs.schema())
                .option("maxFilesPerTrigger", 1)
                .parquet(path("pairs"))
                .writeStream()
                .option("checkpointLocation", path("checkpoint"))
                .trigger(Trigger.AvailableNow())
                .foreachBatch(each)
                .start()
                .awaitTermination();
    }

    private void fuse(FusionTransformer fusion, Dataset<Row> batch, long id) {
        fusion.transform(batch).write().mode("overwrite").parquet(path("fused/batch=" + id));
        batches.add(id);
    }

    private void assertFusedOnce(FusionTransformer fusion) {
        Dataset<Row> fused = spark.read().parquet(path("fused")).drop("batch");
        Dataset<Row> expected = fusion.transform(pairs);
        assertThat(fused.count()).isEqualTo(390).isEqualTo(expected.count());
        assertThat(fused.exceptAll(expected).count()).isZero();
    }

    @Test
    void aQueryThatDiesAfterABatchIsWrittenWritesItAgainInItsPlace() throws Exception {
        try (FusionTransformer fusion = fusion()) {
            assertThatThrownBy(() -> run((batch, id) -> {
                        fuse(fusion, batch, id);
                        if (id == 1) {
                            throw new IllegalStateException("killed");
                        }
                    }))
                    .isInstanceOf(StreamingQueryException.class);
            run((batch, id) -> fuse(fusion, batch, id));
            assertThat(batches).containsExactly(0L, 1L, 1L, 2L);
            assertFusedOnce(fusion);
            run((batch, id) -> fuse(fusion, batch, id));
            assertThat(batches).hasSize(4);
        }
    }

    @Test
    void theModelIsReadOnceForAllBatches() throws Exception {
        Path model = Files.createDirectory(directory.resolve("model"));
        for (String file : List.of("config.json", "model.safetensors")) {
            Files.copy(Path.of("src/demo/model").resolve(file), model.resolve(file));
        }
        try (FusionTransformer fusion = fusion().setModel(model.toString())) {
            run((batch, id) -> {
                fuse(fusion, batch, id);
                Files.deleteIfExists(model.resolve("model.safetensors"));
            });
            assertThat(batches).containsExactly(0L, 1L, 2L);
            assertFusedOnce(fusion);
        }
    }

    @Test
    void aStreamItselfIsRefusedWithTheWayOut() {
        Dataset<Row> stream = spark.readStream().schema(pairs.schema()).parquet(path("pairs"));
        try (FusionTransformer fusion = fusion()) {
            assertThatThrownBy(() -> fusion.transform(stream))
                    .isInstanceOf(InputException.class)
                    .hasMessage("Cannot fuse a stream: expected a table, got one that is still read; fuse each of its"
                            + " batches in foreachBatch");
        }
    }
}
