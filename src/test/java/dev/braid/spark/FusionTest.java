package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.Pooling;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(SharedSpark.class)
class FusionTest {
    private static final double TOLERANCE = 2e-5;

    private final SparkSession spark;

    @TempDir
    private java.nio.file.Path directory;

    FusionTest(SparkSession spark) {
        this.spark = spark;
    }

    @ParameterizedTest
    @ValueSource(strings = {"seed-small", "odd-sizes", "three-modalities", "one-token", "hundreds-of-tokens"})
    void aPairedTableGivesTheNumbersOfPyTorch(String name) {
        GoldenTable golden = GoldenTable.read(name);
        for (DataType type : List.of(
                GoldenTable.NESTED,
                GoldenTable.NESTED_DOUBLE,
                GoldenTable.FLAT,
                GoldenTable.FLAT_DOUBLE,
                GoldenTable.BINARY)) {
            check(golden, fused(golden, golden.paired(spark, type).coalesce(1), golden.largestRow()));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7})
    void joinedTablesGiveTheNumbersOfPyTorchInAnyNumberOfPartitions(int partitions) {
        GoldenTable golden = GoldenTable.read("odd-sizes");
        FeatureTables tables = joined(golden);
        assertThat(tables.audit()).isEqualTo(golden.rows());
        PairedTable paired = tables.pair(OptionalInt.of(partitions));
        FusionProgress progress = FusionProgress.start(spark.sparkContext());
        FusionConfig config = new FusionConfig(golden.columns("label"), 64, true, true);
        Dataset<Row> fused = Fusion.fuse(paired, golden.checkpoint(), Optional.empty(), config, progress);
        assertThat(fused.toJavaRDD().getNumPartitions()).isEqualTo(partitions);
        check(golden, fused);
        assertThat(progress.rows()).isEqualTo(9);
        assertThat(progress.tokens()).isEqualTo(90);
        assertThat(progress.multiplyAdds()).isPositive();
    }

    @Test
    void theNumberOfPartitionsAndTheTokenBudgetChangeNoBit() {
        GoldenTable golden = GoldenTable.read("odd-sizes");
        List<String> one =
                bits(fused(golden, golden.paired(spark, GoldenTable.NESTED).coalesce(1), 4096));
        List<String> seven =
                bits(fused(golden, golden.paired(spark, GoldenTable.NESTED).repartition(7), 4096));
        List<String> tight =
                bits(fused(golden, golden.paired(spark, GoldenTable.NESTED).coalesce(1), 18));
        assertThat(seven).isEqualTo(one);
        assertThat(tight).isEqualTo(one);
    }

    @Test
    void outputColumnsAreTheKeyTheKeptOnesAndWhatIsEmitted() {
        GoldenTable golden = GoldenTable.read("three-modalities");
        Dataset<Row> table = golden.paired(spark, GoldenTable.FLAT);
        assertThat(emit(golden, table, true, false).schema().toDDL())
                .isEqualTo("id STRING,label STRING,fused ARRAY<FLOAT> NOT NULL");
        assertThat(emit(golden, table, false, true).schema().toDDL())
                .isEqualTo("id STRING,label STRING,fused_tokens ARRAY<ARRAY<FLOAT>> NOT NULL,fused_lengths"
                        + " STRUCT<text: INT NOT NULL, visual: INT NOT NULL, audio: INT NOT NULL> NOT NULL");
        Row lengths = emit(golden, table, false, true).first().getStruct(3);
        for (int m = 0; m < 3; m++) {
            assertThat(lengths.getInt(m)).isEqualTo(golden.sequence(m, 0).length);
        }
    }

    private Dataset<Row> emit(GoldenTable golden, Dataset<Row> table, boolean pooled, boolean tokens) {
        FusionConfig config = new FusionConfig(golden.columns("label"), 512, pooled, tokens);
        return Fusion.fuse(
                table, golden.checkpoint(), Optional.empty(), config, FusionProgress.start(spark.sparkContext()));
    }

    private static final List<String> VALUES = List.of(
            "cast(7 as tinyint)",
            "cast(-7 as smallint)",
            "7",
            "9223372036854775807L",
            "cast('NaN' as float)",
            "-0.0D",
            "true",
            "cast('12345678901234567890.123456789' as decimal(38, 9))",
            "cast(1.25 as decimal(5, 2))",
            "'gr\u00fc\u00dfe \ud83d\ude00'",
            "X'00ff7f'",
            "date '1215-06-15'",
            "date '2026-02-28'",
            "timestamp '2026-10-25 02:30:00.123456'",
            "timestamp '1815-06-18 11:35:00.000001 UTC'",
            "timestamp_ntz '2026-03-29 02:30:00.123456'",
            "interval '3' year",
            "interval '1 02:03:04.5' day to second",
            "array(1, null, 3)",
            "array(array('a'), null, array())",
            "named_struct('a', 1, 'b', named_struct('c', array(date '2001-01-01'), 'd', cast(null as string)))");

    private static final List<String> KEPT_ONLY = List.of(
            "map('k', array(1.5D), 'l', null)", "cast(null as decimal(10, 3))", "parse_json('{\"a\": [1, 2.5]}')");

    @Test
    void keptColumnsOfEveryTypeComeThroughUnchanged() {
        List<String> kept = new ArrayList<>(VALUES);
        kept.addAll(KEPT_ONLY);
        List<String> select = new ArrayList<>(List.of("id", "visual", "text"));
        for (int i = 0; i < kept.size(); i++) {
            select.add(kept.get(i) + " as k" + i);
        }
        unchanged(spark, select);
    }

    @ParameterizedTest
    @FieldSource("VALUES")
    void aKeyOfEveryTypeComesThroughUnchanged(String key) {
        unchanged(spark, List.of(key + " as id", "visual", "text"));
    }

    @Test
    void datesAndTimesComeThroughAsEitherOfSparksJavaTypes() {
        SparkSession modern = spark.newSession();
        modern.conf().set("spark.sql.datetime.java8API.enabled", true);
        unchanged(
                modern,
                List.of(
                        "date '1215-06-15' as id",
                        "timestamp '0001-01-01 00:00:00 UTC' as at",
                        "array(date '1582-10-04', date '1582-10-15') as days",
                        "visual",
                        "text"));
    }

    /** Compares bit for bit, as Spark stores values: comparing rows would let NaN differ and miss what printing hides. */
    private static void unchanged(SparkSession session, List<String> select) {
        GoldenTable golden = GoldenTable.read("tokens-only");
        Dataset<Row> table =
                golden.paired(session, GoldenTable.FLAT).limit(1).selectExpr(select.toArray(String[]::new));
        String[] kept = table.drop("id", "visual", "text").columns();
        FusionConfig config = new FusionConfig(golden.columns(kept), 64, false, true);
        Dataset<Row> fused = Fusion.fuse(
                table, golden.checkpoint(), Optional.empty(), config, FusionProgress.start(session.sparkContext()));
        Dataset<Row> before = kept.length == 0 ? table.select("id") : table.select("id", kept);
        Dataset<Row> after = kept.length == 0 ? fused.select("id") : fused.select("id", kept);
        assertThat(after.schema()).isEqualTo(before.schema());
        assertThat(stored(after)).isEqualTo(stored(before));
    }

    private static List<InternalRow> stored(Dataset<Row> table) {
        return table.queryExecution().toRdd().toJavaRDD().map(InternalRow::copy).collect();
    }

    @Test
    void aRowThatCannotBeFusedFailsTheJobWithItsOwnMessage() {
        GoldenTable golden = GoldenTable.read("tokens-only");
        Dataset<Row> table = golden.paired(spark, GoldenTable.FLAT)
                .withColumn("text", functions.when(functions.col("id").notEqual("p-1"), functions.col("text")));
        assertThatThrownBy(() -> emit(golden, table, false, true).collectAsList())
                .rootCause()
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot decode row 'p-1': column 'text' is null, expected a sequence of features");
    }

    @Test
    void pooledOutputNeedsAPooling() {
        GoldenTable golden = GoldenTable.read("tokens-only");
        Dataset<Row> table = golden.paired(spark, GoldenTable.FLAT);
        assertThatThrownBy(() -> emit(golden, table, true, false))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot fuse to pooled vectors: expected a pooling (pooling in config.json), got 'none';"
                        + " name one, or emit tokens");
        FusionConfig config = new FusionConfig(golden.columns(), 64, true, false);
        Checkpoint pooling = new Checkpoint(
                golden.checkpoint().config().withPooling(Pooling.CLS),
                golden.checkpoint().weights());
        Row first = Fusion.fuse(
                        table.coalesce(1),
                        pooling,
                        Optional.empty(),
                        config,
                        FusionProgress.start(spark.sparkContext()))
                .first();
        assertThat(GoldenTable.error(golden.fused(0)[0], first.getList(1))).isLessThan(TOLERANCE);
    }

    private FeatureTables joined(GoldenTable golden) {
        Dataset<Row> table = golden.paired(spark, GoldenTable.NESTED);
        String visual = directory.resolve("visual").toString();
        String text = directory.resolve("text").toString();
        table.select("id", "visual").write().parquet(visual);
        table.select("id", "label", "text").write().parquet(text);
        return FeatureTables.perModality(spark, Map.of("visual", visual, "text", text), golden.columns("label"));
    }

    private Dataset<Row> fused(GoldenTable golden, Dataset<Row> table, int maxTokens) {
        FusionConfig config = new FusionConfig(golden.columns("label"), maxTokens, true, true);
        return Fusion.fuse(
                table, golden.checkpoint(), Optional.empty(), config, FusionProgress.start(spark.sparkContext()));
    }

    private static void check(GoldenTable golden, Dataset<Row> fused) {
        List<Row> rows = fused.collectAsList();
        assertThat(rows).hasSize(golden.rows());
        for (Row row : rows) {
            int r = Integer.parseInt(row.getString(0).substring(2));
            assertThat(row.getString(1)).isEqualTo("label of " + r);
            assertThat(GoldenTable.error(golden.pooled(r), row.getList(2))).isLessThan(TOLERANCE);
            List<Object> tokens = row.getList(3);
            assertThat(tokens).hasSameSizeAs(golden.fused(r));
            for (int t = 0; t < tokens.size(); t++) {
                assertThat(GoldenTable.error(golden.fused(r)[t], floats(tokens.get(t))))
                        .isLessThan(TOLERANCE);
            }
        }
    }

    /** The inner array of a Row is of a Scala class: read it back through a Row. */
    private static List<Float> floats(Object array) {
        return RowFactory.create(array).getList(0);
    }

    private static List<String> bits(Dataset<Row> fused) {
        return fused.collectAsList().stream()
                .sorted(Comparator.comparing(row -> row.getString(0)))
                .map(Row::json)
                .toList();
    }
}
