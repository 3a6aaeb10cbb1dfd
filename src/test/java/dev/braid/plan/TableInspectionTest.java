package dev.braid.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.PositionConfig;
import dev.braid.checkpoint.StackConfig;
import dev.braid.checkpoint.StreamConfig;
import dev.braid.checkpoint.VectorStep;
import dev.braid.decode.MaxBadRows;
import dev.braid.decode.RowPolicy;
import dev.braid.decode.RowPolicy.OnBadRow;
import dev.braid.decode.RowPolicy.OnMissing;
import dev.braid.plan.TableInspection.Lengths;
import dev.braid.plan.TableInspection.Table;
import dev.braid.rows.FeatureType;
import dev.braid.spark.Emitted;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.SharedSpark;
import dev.braid.spark.TableColumns;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.InputTables;
import dev.braid.tables.SelectionColumn;
import dev.braid.tensor.Activation;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** What a look at feature tables finds, and that it names every misfit at once. */
@ExtendWith(SharedSpark.class)
class TableInspectionTest {
    /** Visual tokens of 2 numbers; text tokens of 3, at most 9 of them; a CLS token. */
    private static final ModelConfig MODEL = ModelConfig.singleStream(
            List.of(new ModalityConfig("visual", 2), new ModalityConfig("text", 3, 9)),
            true,
            1,
            new LayerConfig(4, 1, 4, Activation.RELU, false, 1e-5f, true),
            Pooling.CLS);

    /** 1 to 10 visual tokens, or so many of another width; the column's own name and key. */
    private static final String VISUAL = tokens("visual", 2, "id % 10 + 1");

    private static final String TEXT = tokens("text", 3, "id % 4 + 1");

    @TempDir
    Path directory;

    @Test
    void countsRowsByFootersAndLengthsBySample(SparkSession spark) {
        String path = table(spark, "pairs", 2500, "id", VISUAL, TEXT);

        TableInspection found = inspect(spark, Map.of("visual", path, "text", path), "id", 15);

        assertThat(found.misfits()).isEmpty();
        assertThat(found.tables()).hasSize(1);
        Table table = found.tables().get(0);
        assertThat(table.path()).isEqualTo(path);
        assertThat(table.rows()).isEqualTo(2500);
        assertThat(table.schema().simpleString())
                .isEqualTo("struct<id:bigint,visual:array<array<float>>,text:array<array<float>>>");
        assertThat(found.lengths())
                .containsExactly(
                        Map.entry("visual", new Lengths(1000, 1, 5, 10, 10)),
                        Map.entry("text", new Lengths(1000, 1, 2, 4, 4)));
        // 1 + (id mod 10 + 1) + (id mod 4 + 1): the longest is id 19.
        assertThat(found.rowLengths()).isEqualTo(new Lengths(1000, 3, 9, 13, 15));
        assertThat(found.tokens().get("visual")).hasSize(1000).startsWith(1, 2, 3);
        assertThat(found.meanTokens(MODEL)).isEqualTo(1 + 5.5 + 2.5);
        assertThat(found.shortestRow(MODEL)).isEqualTo(3);
        assertThat(found.longestRow(MODEL)).isEqualTo(15);
    }

    @Test
    void columnsOfTokenIdsAreNamedWhereTheModelHasAVocabulary(SparkSession spark) {
        ModelConfig words = ModelConfig.singleStream(
                List.of(
                        new ModalityConfig("visual", 2),
                        new ModalityConfig("text", 3, null, 9, false, ModalityConfig.UNLIMITED)),
                false,
                1,
                new LayerConfig(4, 1, 4, Activation.RELU, false, 1e-5f, true),
                Pooling.MEAN);
        String path = table(spark, "ids", 20, "id", VISUAL, "array(3, 1) as text");
        Map<String, String> paths = Map.of("visual", path, "text", path);
        TableColumns columns = TableColumns.of(words, "id", List.of(), Map.of(), Map.of(), Map.of(), Map.of());
        assertThat(TableInspection.of(new InputTables(spark), paths, refusing(columns, 99), words)
                        .tokenIds())
                .containsExactly("text");
        assertThat(inspect(spark, paths, "id", 99).tokenIds()).isEmpty();
    }

    @Test
    void tablesPerModalityAreLookedAtByThemselvesAndNeedNoKey(SparkSession spark) {
        Map<String, String> paths = Map.of(
                "visual",
                table(spark, "images", 30, VISUAL),
                "text",
                table(spark, "captions", 30, "id as other", TEXT));

        TableInspection found = inspect(spark, paths, null, 4096);

        assertThat(found.misfits()).isEmpty();
        assertThat(found.tables()).extracting(Table::rows).containsExactly(30L, 30L);
        assertThat(found.lengths()).containsOnlyKeys("visual", "text");
        assertThat(found.rowLengths()).isNull();
        assertThat(found.longestRow(MODEL)).isEqualTo(1 + 10 + 4);
    }

    @Test
    void everyMisfitIsNamedAtOnce(SparkSession spark) {
        Map<String, String> paths = Map.of(
                "visual",
                table(spark, "images", 40, "id as key", tokens("visual", 5, "1 + id % 2")),
                "text",
                table(spark, "captions", 39, "id", tokens("text", 3, "id % 20 + 1")));

        TableInspection found = inspect(spark, paths, "id", 16);

        String images = paths.get("visual");
        String captions = paths.get("text");
        assertThat(found.misfits())
                .containsExactly(
                        "table '" + images
                                + "': expected column 'id' (key), got none of that name; the nearest is 'key'",
                        "tables: expected the same keys and so the same number of rows in each, got 40 in '" + images
                                + "', 39 in '" + captions + "'",
                        "Cannot decode row '0': column 'visual' has width 5, expected 2 (feature_size of 'visual' in"
                                + " config.json); so in 40 of the first 40 rows",
                        "column 'text': expected at most 9 tokens (position table of 'text'), got up to 20 in 21 of"
                                + " the first 39 rows; --truncate cuts them",
                        "table '" + captions + "': expected rows of at most 16 tokens (--max-tokens), got up to 22 in"
                                + " 11 of the first 39 rows");
        assertThat(inspect(spark, Map.of("text", captions), null, 4096).misfits())
                .startsWith("modality 'visual': expected a table of its features, got none")
                .hasSize(2);
    }

    @Test
    void oneKindOfFaultIsOneLine(SparkSession spark) {
        String path = table(
                spark,
                "pairs",
                100,
                "concat('p-', id) as id",
                "case when id < 3 then null when id < 7 then array() when id < 9 then array(cast('nan' as float), 0f)"
                        + " else array(1f, 2f) end as visual",
                "id as text");

        TableInspection found = inspect(spark, Map.of("visual", path, "text", path), "id", 4096);

        assertThat(found.misfits())
                .containsExactly(
                        "table '" + path + "': expected column 'text' of " + FeatureType.EXPECTED
                                + " (features of 'text'), got bigint",
                        "Cannot decode row 'p-0': column 'visual' is null, expected a sequence of features; so in 3 of"
                                + " the first 100 rows",
                        "Cannot decode row 'p-3': column 'visual' is empty, expected at least one token; so in 4 of the"
                                + " first 100 rows",
                        "Cannot decode row 'p-7': column 'visual' holds NaN at token 0, expected finite float32"
                                + " numbers; so in 2 of the first 100 rows");
        assertThat(found.lengths()).containsExactly(Map.entry("visual", new Lengths(91, 1, 1, 1, 1)));
    }

    @Test
    void aRowOverTheBudgetNamesTheOneThatWouldDo(SparkSession spark) {
        String path = table(spark, "pairs", 50, "id", VISUAL, TEXT);

        assertThat(inspect(spark, Map.of("visual", path, "text", path), "id", 12)
                        .misfits())
                .containsExactly("table '" + path + "': expected rows of at most 12 tokens (--max-tokens), got up to 15"
                        + " in 10 of the first 50 rows; --max-tokens 15 would do");
    }

    @Test
    void masksAndLengthsCountWhatTheyKeepAndPositionsAsTheyWere(SparkSession spark) {
        String path = table(
                spark,
                "pairs",
                20,
                "id",
                tokens("visual", 2, "4"),
                "array(1, 0, 1, 0) as mask",
                tokens("text", 3, "10"),
                "case when id = 5 then array(0, 0, 0, 0, 0, 0, 0, 0, 0, 1) else array(1, 1, 0, 0, 0, 0, 0, 0, 0, 0) end"
                        + " as kept");
        List<FeatureColumn> features = List.of(
                new FeatureColumn(MODEL.modalities().get(0), "visual", null, null, SelectionColumn.mask("mask")),
                new FeatureColumn(MODEL.modalities().get(1), "text", null, null, SelectionColumn.mask("kept")));

        TableInspection found = TableInspection.of(
                new InputTables(spark),
                Map.of("visual", path, "text", path),
                refusing(new TableColumns("id", List.of(), features), 4096),
                MODEL);

        assertThat(found.lengths())
                .containsExactly(
                        Map.entry("visual", new Lengths(20, 2, 2, 2, 2)),
                        Map.entry("text", new Lengths(20, 1, 2, 2, 2)));
        assertThat(found.misfits())
                .containsExactly(
                        "column 'text': expected at most 9 tokens (position table of 'text'), got up to 10 in 1"
                                + " of the first 20 rows; --truncate cuts them");
    }

    /** Text attends to visual and is what is pooled. */
    @Test
    void modalitiesOfSeveralStreamsAreLookedAtByThemselves(SparkSession spark) {
        ModelConfig decoder = new ModelConfig(
                List.of(new ModalityConfig("visual", 2), new ModalityConfig("text", 3)),
                List.of(
                        new StreamConfig("visual", 4, 0, List.of(0), List.of()),
                        new StreamConfig("text", 4, 0, List.of(1), List.of())),
                List.of(new StackConfig(
                        StackConfig.Kind.DECODER,
                        1,
                        0,
                        1,
                        new LayerConfig(4, 1, 4, Activation.RELU, false, 1e-5f, true))),
                List.of(1),
                PositionConfig.NONE,
                Pooling.CLS);
        String path =
                table(spark, "pairs", 2, "id", tokens("visual", 2, "3"), tokens("text", 3, "2"), "array(0, 1) as mask");
        List<FeatureColumn> features = List.of(
                new FeatureColumn(decoder.modalities().get(0), "visual", null, null, null),
                new FeatureColumn(decoder.modalities().get(1), "text", null, null, SelectionColumn.mask("mask")));

        TableInspection found = TableInspection.of(
                new InputTables(spark),
                Map.of("visual", path, "text", path),
                refusing(new TableColumns("id", List.of(), features), 4096),
                decoder);

        assertThat(found.lengths().get("visual")).isEqualTo(new Lengths(2, 3, 3, 3, 3));
        assertThat(found.misfits())
                .singleElement()
                .asString()
                .contains("column 'mask' drops token 0, expected it kept (pooling 'cls' reads it)");
    }

    @Test
    void aColumnOfSeveralVectorsIsAMisfitOfAModelOfOneVectorPerModality(SparkSession spark) {
        ModelConfig vectors = ModelConfig.ofVectors(
                List.of(new ModalityConfig("visual", 2, 1), new ModalityConfig("text", 3, 1)),
                List.of(new VectorStep(VectorStep.Kind.CONCAT, "fused", List.of(0, 1), 5, null, null, 0)));
        String path = table(spark, "pairs", 2, "id", tokens("visual", 2, "1"), tokens("text", 3, "2"));
        List<FeatureColumn> features = List.of(
                new FeatureColumn(vectors.modalities().get(0), "visual", null, null, null),
                new FeatureColumn(vectors.modalities().get(1), "text", null, null, null));

        TableInspection found = TableInspection.of(
                new InputTables(spark),
                Map.of("visual", path, "text", path),
                refusing(new TableColumns("id", List.of(), features), 4096),
                vectors);

        assertThat(found.misfits())
                .singleElement()
                .asString()
                .startsWith(
                        "column 'text': expected 1 token (the model takes one vector per modality), got up to 2 in ")
                .doesNotContain("truncate");
    }

    @Test
    void aMaskThatDropsTheTokenToPoolIsAMisfitOfTheFirstModalityAlone(SparkSession spark) {
        ModelConfig withoutCls = ModelConfig.singleStream(
                MODEL.modalities(),
                false,
                1,
                new LayerConfig(4, 1, 4, Activation.RELU, false, 1e-5f, true),
                Pooling.CLS);
        String path =
                table(spark, "pairs", 2, "id", tokens("visual", 2, "2"), tokens("text", 3, "2"), "array(0, 1) as mask");
        List<FeatureColumn> features = List.of(
                new FeatureColumn(MODEL.modalities().get(0), "visual", null, null, SelectionColumn.mask("mask")),
                new FeatureColumn(MODEL.modalities().get(1), "text", null, null, SelectionColumn.mask("mask")));

        assertThat(TableInspection.of(
                                new InputTables(spark),
                                Map.of("visual", path, "text", path),
                                refusing(new TableColumns("id", List.of(), features), 4096),
                                withoutCls)
                        .misfits())
                .containsExactly("Cannot decode row '0': column 'mask' drops token 0, expected it kept (pooling 'cls'"
                        + " reads it); so in 2 of the first 2 rows");
    }

    @Test
    void aMissingTableDoesNotHideAnother(SparkSession spark) {
        String path = table(spark, "captions", 5, TEXT);

        TableInspection found = inspect(spark, Map.of("visual", "/absent", "text", path), null, 4096);

        assertThat(found.misfits()).containsExactly("table '/absent': expected a path that exists, got none");
        assertThat(found.lengths()).containsOnlyKeys("text");
    }

    @Test
    void whatAFusionSetsAsideCutsOrFusesWithoutAModalityIsNoMisfit(SparkSession spark) {
        String text = "transform(sequence(1, cast(id % 20 + 1 as int)), t -> array(0f, 1f, 2f))";
        Map<String, String> paths = Map.of(
                "visual",
                table(spark, "images", 40, "id", tokens("visual", 2, "1")),
                "text",
                table(spark, "captions", 39, "id", "if(id = 3, null, " + text + ") as text"));
        RowPolicy setsAside = new RowPolicy(OnBadRow.QUARANTINE, MaxBadRows.UNLIMITED, OnMissing.QUARANTINE);
        RowPolicy fusesRest = new RowPolicy(OnBadRow.FAIL, MaxBadRows.UNLIMITED, OnMissing.FUSE_REST);

        assertThat(inspect(spark, paths, false, RowPolicy.FAIL).misfits()).hasSize(4);
        assertThat(inspect(spark, paths, false, setsAside).misfits()).isEmpty();
        assertThat(inspect(spark, paths, false, fusesRest).misfits())
                .satisfiesExactly(
                        tooLong -> assertThat(tooLong).startsWith("column 'text': expected at most 9 tokens"),
                        overBudget -> assertThat(overBudget).contains("expected rows of at most 16 tokens"));
        TableInspection cut = inspect(spark, paths, true, fusesRest);
        assertThat(cut.misfits()).isEmpty();
        assertThat(cut.lengths().get("text").longest()).isEqualTo(9);
    }

    /** MODEL pools its CLS token, so no modality is required; of a model without one, the first is pooled. */
    @Test
    void aRowWithoutAnyModalityOrWithoutThePooledOneIsAMisfit(SparkSession spark) {
        String path = table(
                spark,
                "pairs",
                20,
                "id",
                "if(id < 2, null, array(array(1f, 2f))) as visual",
                "if(id = 1 or id = 5, null, transform(sequence(1, 9), t -> array(0f, 1f, 2f))) as text");
        Map<String, String> paths = Map.of("visual", path, "text", path);
        RowPolicy fusesRest = new RowPolicy(OnBadRow.FAIL, MaxBadRows.UNLIMITED, OnMissing.FUSE_REST);
        TableColumns columns = TableColumns.of(MODEL, "id", List.of(), Map.of(), Map.of(), Map.of(), Map.of());
        FusionConfig config = new FusionConfig(columns, 10, true, Set.of(Emitted.POOLED)).with(fusesRest);
        assertThat(TableInspection.of(new InputTables(spark), paths, config, MODEL)
                        .misfits())
                .satisfiesExactly(
                        empty -> assertThat(empty)
                                .endsWith("expected a modality in every row, got none in 1 of the first 20 rows"),
                        long10 -> assertThat(long10)
                                .contains("expected rows of at most 10 tokens (--max-tokens), got up to 11"));
        ModelConfig pooled = ModelConfig.singleStream(
                MODEL.modalities(),
                false,
                1,
                new LayerConfig(4, 1, 4, Activation.RELU, false, 1e-5f, true),
                Pooling.CLS);
        assertThat(TableInspection.of(new InputTables(spark), paths, config, pooled)
                        .misfits())
                .singleElement()
                .asString()
                .contains("column 'visual' is null", "so in 2 of the first 20 rows");
    }

    private static TableInspection inspect(
            SparkSession spark, Map<String, String> paths, boolean truncate, RowPolicy policy) {
        TableColumns columns = TableColumns.of(MODEL, "id", List.of(), Map.of(), Map.of(), Map.of(), Map.of());
        FusionConfig config = new FusionConfig(columns, 16, truncate, Set.of(Emitted.POOLED)).with(policy);
        return TableInspection.of(new InputTables(spark), paths, config, MODEL);
    }

    @Test
    void aTableWithoutRowsHasNoLengths(SparkSession spark) {
        String path = table(spark, "pairs", 0, "id", VISUAL, TEXT);

        TableInspection found = inspect(spark, Map.of("visual", path, "text", path), "id", 4096);

        assertThat(found.misfits()).isEmpty();
        assertThat(found.tables().get(0).rows()).isZero();
        assertThat(found.lengths()).isEmpty();
        assertThat(found.rowLengths()).isNull();
    }

    private static TableInspection inspect(SparkSession spark, Map<String, String> paths, String key, int maxTokens) {
        TableColumns columns = TableColumns.of(MODEL, key, List.of(), Map.of(), Map.of(), Map.of(), Map.of());
        return TableInspection.of(new InputTables(spark), paths, refusing(columns, maxTokens), MODEL);
    }

    /** A fusion that ends at a bad row and cuts nothing. */
    private static FusionConfig refusing(TableColumns columns, int maxTokens) {
        return new FusionConfig(columns, maxTokens, false, Set.of(Emitted.POOLED));
    }

    private static String tokens(String name, int width, String count) {
        return "transform(sequence(1, cast(" + count + " as int)), t -> array_repeat(cast(t as float), " + width
                + ")) as " + name;
    }

    private String table(SparkSession spark, String name, int rows, String... columns) {
        String path = directory.resolve(name).toString();
        spark.range(0, rows, 1, 1).selectExpr(columns).write().parquet(path);
        return path;
    }
}
