package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.progress.FusionProgress;
import dev.braid.tables.FeatureColumn;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** Rows that repeat a sequence of the row before: projected once, to the bits of rows that are projected one by one. */
@ExtendWith(SharedSpark.class)
class RepeatedRowsTest {
    static final List<DataType> TYPES = FusionTest.TYPES;
    static final List<DataType> MASKED = List.of(GoldenTable.NESTED_DOUBLE, GoldenTable.BINARY);
    private static final int ROWS = 60;
    private static final int ONE_BATCH = 4000;

    private final SparkSession spark;

    @TempDir
    private Path directory;

    RepeatedRowsTest(SparkSession spark) {
        this.spark = spark;
    }

    @ParameterizedTest
    @FieldSource("TYPES")
    void repeatedSequencesGiveTheBitsOfThoseThatAreProjectedAgain(DataType type) {
        GoldenTable golden = GoldenTable.read("three-modalities");
        same(golden, type, ONE_BATCH, 0);
    }

    @ParameterizedTest
    @FieldSource("MASKED")
    void maskedOnesToo(DataType type) {
        same(GoldenTable.read("three-modalities").padded(), type, ONE_BATCH, 0);
    }

    /** Small batches, whose first rows repeat one of the batch before. */
    @Tag("slow")
    @Test
    void batchesBeginAnew() {
        GoldenTable golden = GoldenTable.read("seed-small");
        int longest = 0;
        for (int m = 0; m < 2; m++) {
            int modality = m;
            longest += IntStream.range(0, golden.rows())
                    .map(row -> golden.kept(modality, row))
                    .max()
                    .orElseThrow();
        }
        for (int budget = 2 * longest; budget < 5 * longest; budget += longest / 2) {
            same(golden, GoldenTable.FLAT, budget, budget);
        }
    }

    /** The same stored features under another mask are another sequence. */
    @Test
    void theSameFeaturesUnderAnotherMaskAreNoRepetition() {
        GoldenTable golden = GoldenTable.read("seed-small").padded();
        Dataset<Row> first = golden.paired(spark, GoldenTable.FLAT).where("id = 'p-0'");
        // Drops the first kept token.
        String other = "transform(visual_mask, (m, i) -> if(i = array_position(visual_mask, 1) - 1, 0, m))";
        Dataset<Row> table = first.union(first.withColumn("visual_mask", functions.expr(other))
                        .withColumn("id", functions.lit("p-1"))
                        .select("id", "label", "visual", "text", "visual_mask", "text_mask"))
                .repartition(1)
                .sortWithinPartitions("id");
        long repeated = fuse(golden, table, ONE_BATCH);
        assertThat(repeated).isEqualTo(golden.kept(1, 0)); // of text alone
    }

    /** Fuses rows in which each modality's sequence changes now and then. */
    private void same(GoldenTable golden, DataType type, int budget, long seed) {
        Random random = new Random(seed);
        List<FeatureColumn> features = golden.columns().features();
        StructType schema = new StructType().add("id", "string");
        for (FeatureColumn feature : features) {
            schema = schema.add(feature.column(), type);
            if (feature.selection() != null) {
                schema = schema.add(feature.selection().column(), GoldenTable.MASK);
            }
        }
        List<Row> rows = new ArrayList<>();
        long expected = 0;
        int[] last = new int[features.size()];
        for (int n = 0; n < ROWS; n++) {
            List<Object> values = new ArrayList<>(List.of("k" + n));
            for (int m = 0; m < features.size(); m++) {
                int next = n == 0 || random.nextInt(3) == 0 ? random.nextInt(golden.rows()) : last[m];
                expected += n > 0 && next == last[m] ? golden.kept(m, next) : 0;
                last[m] = next;
                values.add(GoldenTable.stored(golden.sequence(m, next), type));
                if (features.get(m).selection() != null) {
                    values.add(golden.mask(m, next));
                }
            }
            rows.add(RowFactory.create(values.toArray()));
        }
        long repeated = fuse(golden, spark.createDataFrame(rows, schema).coalesce(1), budget);
        if (budget == ONE_BATCH) {
            assertThat(repeated).isEqualTo(expected).isPositive();
        } else {
            assertThat(repeated).isStrictlyBetween(0L, expected);
        }
    }

    /** Compares the rows with those of tasks that have one each, or few; gives the repeated tokens. */
    private long fuse(GoldenTable golden, Dataset<Row> table, int budget) {
        String path = directory.resolve("table").toString();
        table.write().mode("overwrite").parquet(path);
        FusionConfig config = new FusionConfig(golden.columns(), budget, false, Set.of(Emitted.POOLED, Emitted.TOKENS));
        PairedTable scanned = Tables.paired(spark, path, config.columns()).pair(OptionalInt.empty());
        assertThat(scanned.scan()).isPresent();
        PairedTable planned = ColumnScanTest.planned(scanned);
        FusionProgress progress = FusionProgress.start(spark.sparkContext());
        FusionProgress copied = FusionProgress.start(spark.sparkContext());
        FusionProgress alone = FusionProgress.start(spark.sparkContext());
        List<InternalRow> fused = FusionTest.stored(FusionEngines.fuse(scanned, golden.checkpoint(), config, progress));
        assertThat(fused).isNotEmpty();
        assertThat(FusionTest.stored(FusionEngines.fuse(planned, golden.checkpoint(), config, copied)))
                .isEqualTo(fused);
        assertThat(FusionTest.stored(FusionEngines.fuse(planned.repartition(ROWS), golden.checkpoint(), config, alone)))
                .containsExactlyInAnyOrderElementsOf(fused);
        assertThat(alone.repeatedTokens()).isLessThanOrEqualTo(copied.repeatedTokens() / 4);
        // The second row of several that are alike is copied, the third is known to be the same.
        assertThat(copied.repeatedTokens()).isLessThanOrEqualTo(progress.repeatedTokens());
        if (budget == ONE_BATCH && fused.size() == ROWS) {
            assertThat(copied.repeatedTokens()).isGreaterThan(progress.repeatedTokens() / 2);
        }
        return progress.repeatedTokens();
    }
}
