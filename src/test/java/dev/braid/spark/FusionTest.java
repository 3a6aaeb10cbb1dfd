package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.braid.InputException;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.Golden;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.RandomCheckpoint;
import dev.braid.decode.RowPolicy;
import dev.braid.model.GoldenCheck;
import dev.braid.progress.FusionProgress;
import dev.braid.publish.Written;
import dev.braid.tables.SelectionColumn;
import dev.braid.tensor.Activation;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(SharedSpark.class)
public class FusionTest {
    private static final double TOLERANCE = 2e-5;
    private static final Set<Emitted> ALL = EnumSet.allOf(Emitted.class);
    public static final List<DataType> TYPES = List.of(
            GoldenTable.NESTED,
            GoldenTable.NESTED_DOUBLE,
            GoldenTable.FLAT,
            GoldenTable.FLAT_DOUBLE,
            GoldenTable.BINARY);

    private final SparkSession spark;

    @TempDir
    private java.nio.file.Path directory;

    FusionTest(SparkSession spark) {
        this.spark = spark;
    }

    @BeforeAll
    static void compilePlans(SparkSession spark) { // as Spark does for users
        SharedSpark.compilePlans(spark);
    }

    @AfterAll
    static void interpretPlans(SparkSession spark) {
        SharedSpark.interpretPlans(spark);
    }

    @ParameterizedTest
    @ValueSource(strings = {"seed-small", "odd-sizes", "three-modalities", "one-token", "hundreds-of-tokens"})
    void aPairedTableGivesTheNumbersOfPyTorch(String name) {
        GoldenTable golden = GoldenTable.read(name);
        for (DataType type : TYPES) {
            check(golden, fused(golden, golden.paired(spark, type).coalesce(1), golden.largestRow()));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "all-options",
                "mask-positions",
                "mask-cls",
                "mask-one-modality",
                "mask-and-lengths",
                "flava-pretraining",
                "vilt-masks",
                "visual-bert-masks",
                "decoder",
                "decoder-masks",
                "two-streams",
                "learned-queries",
                "cross-attention-alone",
                "bottleneck",
                "co-attention",
                "llama-streams",
                "mult"
            })
    void clsPositionsMasksAndStreamsGiveTheNumbersOfPyTorch(String name) {
        GoldenTable golden = GoldenTable.read(name);
        check(golden, fused(golden, golden.paired(spark, GoldenTable.NESTED).repartition(2), golden.largestRow()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"odd-sizes", "three-modalities"})
    void tokensThatAMaskDropsMightAsWellNotBeThere(String name) {
        GoldenTable golden = GoldenTable.read(name).padded();
        for (DataType type : TYPES) {
            check(golden, fused(golden, golden.paired(spark, type).coalesce(1), golden.largestRow()));
        }
    }

    @Test
    void aLengthKeepsTheFirstTokens() {
        GoldenTable golden = GoldenTable.read("odd-sizes");
        Dataset<Row> table = golden.paired(spark, GoldenTable.NESTED)
                .withColumn("n", functions.expr("cast(size(text) as smallint)"))
                .withColumn("text", functions.expr("concat(text, array(text[0], text[0]))"));
        TableColumns columns = TableColumns.of(
                golden.checkpoint().config(),
                "id",
                List.of("label"),
                Map.of(),
                Map.of(),
                Map.of(),
                Map.of("text", SelectionColumn.length("n")));
        FusionConfig config = new FusionConfig(columns, 64, false, ALL);
        check(golden, fuse(table, golden.checkpoint(), config));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 7})
    void joinedTablesGiveTheNumbersOfPyTorchInAnyNumberOfPartitions(int partitions) {
        GoldenTable golden = GoldenTable.read("odd-sizes").padded();
        FeatureTables tables = joined(golden);
        assertThat(tables.audit(RowPolicy.FAIL).rows()).isEqualTo(golden.rows());
        PairedTable paired = tables.pair(OptionalInt.of(partitions));
        FusionProgress progress = FusionProgress.start(spark.sparkContext());
        FusionConfig config = new FusionConfig(golden.columns("label"), 64, false, ALL);
        Dataset<Row> fused = FusionEngines.fuse(paired, golden.checkpoint(), config, progress);
        assertThat(fused.toJavaRDD().getNumPartitions()).isEqualTo(partitions);
        check(golden, fused);
        assertThat(progress.rows()).isEqualTo(9);
        assertThat(progress.tokens()).isEqualTo(90);
        assertThat(progress.multiplyAdds()).isPositive();
        assertThat(progress.truncated()).isZero();
    }

    @Test
    void theNumberOfPartitionsAndTheTokenBudgetChangeNoBit() {
        GoldenTable golden = GoldenTable.read("odd-sizes").padded();
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
        assertThat(emit(golden, table, Emitted.POOLED).schema().toDDL())
                .isEqualTo("id STRING,label STRING,fused ARRAY<FLOAT> NOT NULL");
        assertThat(emit(golden, table, Emitted.TOKENS).schema().toDDL())
                .isEqualTo("id STRING,label STRING,fused_tokens ARRAY<ARRAY<FLOAT>> NOT NULL,fused_lengths"
                        + " STRUCT<text: INT NOT NULL, visual: INT NOT NULL, audio: INT NOT NULL> NOT NULL");
        Row lengths = emit(golden, table, Emitted.TOKENS).first().getStruct(3);
        for (int m = 0; m < 3; m++) {
            assertThat(lengths.getInt(m)).isEqualTo(golden.sequence(m, 0).length);
        }
    }

    private Dataset<Row> emit(GoldenTable golden, Dataset<Row> table, Emitted... emitted) {
        FusionConfig config = new FusionConfig(golden.columns("label"), 512, false, Set.of(emitted));
        return fuse(table, golden.checkpoint(), config);
    }

    @Test
    void structsHaveAFieldForEveryModalityAndOneForClsFirstWhereTheModelHasIt() {
        Dataset<Row> table = GoldenTable.read("odd-sizes").paired(spark, GoldenTable.FLAT);
        String groups = "visual: FLOAT NOT NULL, text: FLOAT NOT NULL> NOT NULL";
        assertThat(fuse(table, limited(false), limitedConfig(false)).schema().toDDL())
                .contains("fused_lengths STRUCT<visual: INT NOT NULL, text: INT NOT NULL> NOT NULL")
                .endsWith("attention STRUCT<" + groups + ",attention_by_layer ARRAY<STRUCT<"
                        + groups.replace("> NOT NULL", ">> NOT NULL"));
        assertThat(fuse(table, limited(true), limitedConfig(false)).schema().toDDL())
                .contains("fused_lengths STRUCT<cls: INT NOT NULL, visual: INT NOT NULL, text: INT NOT NULL> NOT NULL")
                .endsWith("attention STRUCT<cls: FLOAT NOT NULL, " + groups
                        + ",attention_by_layer ARRAY<STRUCT<cls: FLOAT NOT NULL, "
                        + groups.replace("> NOT NULL", ">> NOT NULL"));
    }

    @Test
    void cutRowsFuseAsIfTheyWereShorterAndAreCountedOnceEach() {
        GoldenTable golden = GoldenTable.read("odd-sizes");
        Dataset<Row> table = golden.paired(spark, GoldenTable.NESTED).repartition(3);
        Dataset<Row> shorter = table.withColumn("visual", functions.expr("slice(visual, 1, 3)"))
                .withColumn("text", functions.expr("slice(text, 1, 4)"));
        FusionProgress progress = FusionProgress.start(spark.sparkContext());
        String output = directory.resolve("cut").toString();
        Written.write(
                Tables.output(output, false, List.of(), spark.sparkContext().hadoopConfiguration()),
                FusionEngines.fuse(table, limited(true), limitedConfig(true), progress),
                golden.rows());
        assertThat(progress.truncated())
                .isEqualTo(table.filter("size(visual) > 3 or size(text) > 4").count())
                .isPositive()
                .isLessThan(golden.rows());
        Dataset<Row> fused = fuse(shorter, limited(true), limitedConfig(false));
        assertThat(bits(spark.read().parquet(output))).isEqualTo(bits(fused));
        for (Row row : fused.collectAsList()) {
            List<Object> tokens = row.getList(row.fieldIndex("fused_tokens"));
            Row lengths = row.getStruct(row.fieldIndex("fused_lengths"));
            assertThat(lengths.getInt(0)).isEqualTo(1);
            assertThat(tokens).hasSize(1 + lengths.getInt(1) + lengths.getInt(2));
        }
        assertThatThrownBy(
                        () -> fuse(table, limited(true), limitedConfig(false)).collectAsList())
                .rootCause()
                .isInstanceOf(InputException.class)
                .hasMessageEndingWith("; --truncate would cut it");
    }

    /** A random model over the tables of odd-sizes that has 3 positions for visual and 4 for text. */
    private static Checkpoint limited(boolean clsToken) {
        List<ModalityConfig> stored =
                GoldenTable.read("odd-sizes").checkpoint().config().modalities();
        List<ModalityConfig> modalities = List.of(
                new ModalityConfig("visual", stored.get(0).featureSize(), 3),
                new ModalityConfig("text", stored.get(1).featureSize(), 4));
        return RandomCheckpoint.of(
                ModelConfig.singleStream(
                        modalities,
                        clsToken,
                        2,
                        new LayerConfig(24, 3, 20, Activation.GELU, true, 1e-6f, true),
                        Pooling.POOLER),
                1);
    }

    private static FusionConfig limitedConfig(boolean truncate) {
        ModelConfig model = limited(true).config();
        TableColumns columns = TableColumns.of(model, "id", List.of(), Map.of(), Map.of(), Map.of(), Map.of());
        return new FusionConfig(columns, 64, truncate, ALL);
    }

    static final List<String> VALUES = List.of(
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
            "cast(X'ff' as string)",
            "date '1582-10-10'",
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

    static final List<String> KEPT_ONLY = List.of(
            "map('z', 1, 'a', 2, 'm', 3)",
            "map('k', array(1.5D), 'l', null)",
            "cast(null as decimal(10, 3))",
            "parse_json('{\"a\": [1, 2.5]}')");

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
    void stringsThatAreNoUtf8StayApart() {
        GoldenTable golden = GoldenTable.read("tokens-only");
        Dataset<Row> table = golden.paired(spark, GoldenTable.FLAT)
                .limit(1)
                .selectExpr("explode(array(X'ff', X'fe', X'c328')) as bytes", "visual", "text")
                .selectExpr("cast(bytes as string) as id", "visual", "text");
        FusionConfig config = new FusionConfig(golden.columns(), 64, false, Set.of(Emitted.TOKENS));
        List<String> keys = fuse(table, golden.checkpoint(), config)
                .selectExpr("hex(cast(id as binary))")
                .as(Encoders.STRING())
                .collectAsList();
        assertThat(keys).containsExactlyInAnyOrder("FF", "FE", "C328");
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
        FusionConfig config = new FusionConfig(golden.columns(kept), 64, false, Set.of(Emitted.TOKENS));
        Dataset<Row> fused = fuse(table, golden.checkpoint(), config);
        Dataset<Row> before = kept.length == 0 ? table.select("id") : table.select("id", kept);
        Dataset<Row> after = kept.length == 0 ? fused.select("id") : fused.select("id", kept);
        assertThat(after.schema()).isEqualTo(before.schema());
        assertThat(stored(after)).isEqualTo(stored(before));
    }

    static List<InternalRow> stored(Dataset<Row> table) {
        return table.queryExecution().toRdd().toJavaRDD().map(InternalRow::copy).collect();
    }

    @Test
    void aRowThatCannotBeFusedFailsTheJobWithItsOwnMessage() {
        GoldenTable golden = GoldenTable.read("tokens-only");
        Dataset<Row> table = golden.paired(spark, GoldenTable.FLAT)
                .withColumn("text", functions.when(functions.col("id").notEqual("p-1"), functions.col("text")));
        assertThatThrownBy(() -> emit(golden, table, Emitted.TOKENS).collectAsList())
                .rootCause()
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot decode row 'p-1': column 'text' is null, expected a sequence of features");
    }

    @Test
    void pooledOutputNeedsAPooling() {
        GoldenTable golden = GoldenTable.read("tokens-only");
        Dataset<Row> table = golden.paired(spark, GoldenTable.FLAT);
        assertThatThrownBy(() -> emit(golden, table, Emitted.POOLED))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot fuse to pooled vectors: expected a pooling (pooling in config.json), got 'none';"
                        + " name one, or emit tokens");
        FusionConfig config = new FusionConfig(golden.columns(), 64, false, Set.of(Emitted.POOLED));
        Checkpoint pooling = new Checkpoint(
                golden.checkpoint().config().withPooling(Pooling.CLS),
                golden.checkpoint().weights());
        Row first = fuse(table.coalesce(1), pooling, config).first();
        assertThat(GoldenTable.error(golden.fused(0)[0], first.getList(1))).isLessThan(TOLERANCE);
    }

    @Test
    void anExecutorThatDoesNotGivePyTorchsNumbersStopsTheJob() {
        String directory = "src/test/resources/golden/seed-small";
        GoldenTable golden = GoldenTable.read("seed-small");
        Golden rows = Golden.read(directory, golden.checkpoint().config(), new Configuration())
                .orElseThrow();
        FusionConfig config = new FusionConfig(golden.columns(), 64, false, Set.of(Emitted.POOLED));
        Dataset<Row> table = golden.paired(spark, GoldenTable.FLAT);
        FusionProgress progress = FusionProgress.start(spark.sparkContext());
        Optional<GoldenCheck> proof = Optional.of(new GoldenCheck(rows, 2e-5));
        assertThat(FusionEngine.open(spark, golden.checkpoint(), proof, config)
                        .fuse(PairedTable.of(table, config.columns()), progress)
                        .count())
                .isEqualTo(4);
        Dataset<Row> refused = FusionEngine.open(
                        spark, golden.checkpoint(), Optional.of(new GoldenCheck(rows, 1e-12)), config)
                .fuse(PairedTable.of(table, config.columns()), progress);
        assertThatThrownBy(refused::collectAsList)
                .hasRootCauseInstanceOf(InputException.class)
                .hasStackTraceContaining("On executor 'driver' (")
                .hasStackTraceContaining("Cannot reproduce golden.safetensors: expected every number within 1e-12");
    }

    private FeatureTables joined(GoldenTable golden) {
        Dataset<Row> table = golden.paired(spark, GoldenTable.NESTED);
        String visual = directory.resolve("visual").toString();
        String text = directory.resolve("text").toString();
        table.select("id", "visual", "visual_mask").write().parquet(visual);
        table.select("id", "label", "text", "text_mask").write().parquet(text);
        return Tables.perModality(spark, Map.of("visual", visual, "text", text), golden.columns("label"));
    }

    private Dataset<Row> fused(GoldenTable golden, Dataset<Row> table, int maxTokens) {
        FusionConfig config = new FusionConfig(golden.columns("label"), maxTokens, false, ALL);
        return fuse(table, golden.checkpoint(), config);
    }

    private static Dataset<Row> fuse(Dataset<Row> table, Checkpoint checkpoint, FusionConfig config) {
        FusionProgress progress = FusionProgress.start(table.sparkSession().sparkContext());
        return FusionEngines.fuse(table, checkpoint, config, progress);
    }

    private static void check(GoldenTable golden, Dataset<Row> fused) {
        List<Row> rows = fused.collectAsList();
        assertThat(rows).hasSize(golden.rows());
        for (Row row : rows) {
            int r = Integer.parseInt(row.getString(0).substring(2));
            assertThat(row.getString(1)).isEqualTo("label of " + r);
            assertThat(GoldenTable.error(golden.pooled(r), row.getList(row.fieldIndex("fused"))))
                    .isLessThan(TOLERANCE);
            List<Object> tokens = row.getList(row.fieldIndex("fused_tokens"));
            assertThat(tokens).hasSameSizeAs(golden.fused(r));
            for (int t = 0; t < tokens.size(); t++) {
                assertThat(GoldenTable.error(golden.fused(r)[t], floats(tokens.get(t))))
                        .isLessThan(TOLERANCE);
            }
            checkGroups(golden, r, row);
        }
    }

    /** The lengths, and the shares of attention where the golden file has them. */
    private static void checkGroups(GoldenTable golden, int r, Row row) {
        ModelConfig model = golden.checkpoint().config();
        Row lengths = row.getStruct(row.fieldIndex("fused_lengths"));
        List<ModelConfig.Group> groups = model.outputGroups();
        assertThat(lengths.schema().fieldNames())
                .isEqualTo(groups.stream().map(ModelConfig.Group::name).toArray(String[]::new));
        for (int g = 0; g < groups.size(); g++) {
            ModelConfig.Group group = groups.get(g);
            assertThat(lengths.getInt(g))
                    .isEqualTo(group.isLearned() ? group.learned() : golden.kept(group.modality(), r));
        }
        Row attention = row.getStruct(row.fieldIndex("attention"));
        List<Row> layers = row.getList(row.fieldIndex("attention_by_layer"));
        assertThat(layers).hasSameSizeAs(model.attentions());
        assertThat(attention.size()).isEqualTo(model.groups().size());
        for (int g = 0; g < attention.size(); g++) {
            int group = g;
            assertThat(layers.stream()
                            .mapToDouble(layer -> layer.getFloat(group))
                            .average()
                            .orElseThrow())
                    .isCloseTo(attention.getFloat(g), within(1e-6));
            for (int l = 0; l < layers.size(); l++) {
                assertThat(layers.get(l).getFloat(g))
                        .isCloseTo(golden.attentionByLayer(r)[l * attention.size() + g], within((float) TOLERANCE));
            }
        }
    }

    /** The inner array of a Row is of a Scala class: read it back through a Row. */
    public static List<Float> floats(Object array) {
        return RowFactory.create(array).getList(0);
    }

    private static List<String> bits(Dataset<Row> fused) {
        return fused.collectAsList().stream()
                .sorted(Comparator.comparing(row -> row.getString(0)))
                .map(Row::json)
                .toList();
    }
}
