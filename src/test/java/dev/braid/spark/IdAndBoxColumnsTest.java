package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.Golden;
import dev.braid.checkpoint.GoldenInput;
import dev.braid.decode.RowPolicy;
import dev.braid.ml.FusionTransformer;
import dev.braid.progress.FusionProgress;
import dev.braid.tables.SelectionColumn;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Columns of token ids and of boxes, from Parquet files to PyTorch's numbers, for UNITER and other models with masks. */
@ExtendWith(SharedSpark.class)
class IdAndBoxColumnsTest {
    private static final String MODEL = "src/test/resources/golden/uniter-masks";
    private static final double TOLERANCE = 2e-5;
    private static final Configuration HADOOP = new Configuration();

    private final Checkpoint stored = Checkpoint.read(MODEL, HADOOP);
    private final Golden golden = Golden.read(MODEL, stored.config(), HADOOP).orElseThrow();
    private final TableColumns columns = columns(stored);

    private final SparkSession spark;

    @TempDir
    private java.nio.file.Path directory;

    IdAndBoxColumnsTest(SparkSession spark) {
        this.spark = spark;
    }

    @ParameterizedTest
    @CsvSource({
        "array<int>, array<array<float>>, false",
        "array<bigint>, array<double>, true",
        "array<smallint>, array<float>, true"
    })
    void theNumbersArePyTorchsInOneTableOrJoinedOnes(String ids, String boxes, boolean joined) {
        String flat = boxes.contains("array<array") ? "xyxy" : "flatten(xyxy)";
        Dataset<Row> table = table().selectExpr(
                        "id",
                        "cast(input_ids as " + ids + ") as input_ids",
                        "text_mask",
                        "visual",
                        "cast(" + flat + " as " + boxes + ") as xyxy",
                        "visual_mask");
        String text = write(joined ? table.select("id", "input_ids", "text_mask") : table);
        String visual = joined ? write(table.select("id", "visual", "xyxy", "visual_mask")) : text;
        FeatureTables tables = Tables.perModality(spark, Map.of("text", text, "visual", visual), columns);
        assertThat(tables.tokenIds()).containsExactly("text");
        List<Row> fused = fused(tables).collectAsList();
        assertThat(fused).hasSize(golden.rows());
        for (Row row : fused) {
            int r = Integer.parseInt(row.getString(0));
            assertThat(GoldenTable.error(golden.pooled().row(r), row.getList(1)))
                    .isLessThan(TOLERANCE);
        }
    }

    /** LXMERT has a stream for each modality; a model of one's own embeds ids without transformers' code. */
    @ParameterizedTest
    @ValueSource(strings = {"lxmert-ids-masks", "own-ids-and-boxes"})
    void theNumbersOfOtherModelsArePyTorchsToo(String name) {
        String model = "src/test/resources/golden/" + name;
        Checkpoint other = Checkpoint.read(model, HADOOP);
        Golden rows = Golden.read(model, other.config(), HADOOP).orElseThrow();
        String path = write(table(rows, other));
        FeatureTables tables = Tables.paired(spark, path, columns(other));
        List<Row> fused = fused(tables, other, model).collectAsList();
        assertThat(fused).hasSize(rows.rows());
        for (Row row : fused) {
            assertThat(GoldenTable.error(rows.pooled().row(Integer.parseInt(row.getString(0))), row.getList(1)))
                    .isLessThan(TOLERANCE);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "input_ids|transform(input_ids, (x, t) -> if(t = 0, 11, x))|column 'input_ids' holds id 11 at token 0,"
                        + " expected 0 to 10 (11 word embeddings of 'text' in the model)",
                "input_ids|transform(input_ids, (x, t) -> if(t = 0, null, x))|column 'input_ids' holds null at token 0,"
                        + " expected an id",
                "xyxy|slice(xyxy, 1, 2)|column 'xyxy' has 2 boxes, expected 4 (tokens of 'visual')",
                "xyxy|transform(xyxy, x -> slice(x, 1, 4))|expected 7 (box_size of 'visual' in config.json)",
                "xyxy|transform(xyxy, x -> transform(x, y -> float('NaN')))|column 'xyxy' holds NaN at token 1, expected finite"
                        + " float32 numbers",
                "xyxy|null|column 'xyxy' is null, expected boxes"
            })
    void aRowWithABadIdOrBoxIsNamed(String column, String value, String message) {
        Dataset<Row> table = table().filter("id = '0'").withColumn(column, functions.expr(value));
        String path = write(
                value.equals("null")
                        ? table.withColumn(column, functions.expr("cast(null as array<array<float>>)"))
                        : table);
        FeatureTables tables = Tables.paired(spark, path, columns);
        assertThatThrownBy(() -> fused(tables).collectAsList())
                .rootCause()
                .hasMessageStartingWith("Cannot decode row '0': ")
                .hasMessageContaining(message);
    }

    @Test
    void anIdThatAMaskDropsIsNotLookedUp() {
        String path = write(table().filter("id = '0'")
                .withColumn(
                        "input_ids", functions.expr("transform(input_ids, (x, t) -> if(text_mask[t] = 0, 999, x))")));
        Row row = fused(Tables.paired(spark, path, columns)).first();
        assertThat(GoldenTable.error(golden.pooled().row(0), row.getList(1))).isLessThan(TOLERANCE);
    }

    @Test
    void wrongTypesAndMissingColumnsAreSaidAltogether() {
        String path = write(table().selectExpr(
                        "id",
                        "cast(input_ids as array<string>) as input_ids",
                        "text_mask",
                        "visual",
                        "visual_mask",
                        "cast(flatten(xyxy) as array<int>) as xyxy"));
        assertThatThrownBy(() -> Tables.paired(spark, path, columns))
                .hasMessageContaining(
                        "or token ids: array<int>, array<bigint> or array<smallint> (features of 'text'), got"
                                + " array<string>")
                .hasMessageContaining("or binary float32 (boxes of 'visual'), got array<int>");
        assertThatThrownBy(
                        () -> TableColumns.of(stored.config(), "id", List.of(), Map.of(), Map.of(), Map.of(), Map.of()))
                .hasMessageContaining("expected a column of boxes of 7 numbers each, got none; name it with"
                        + " '--boxes visual=COLUMN'");
    }

    @Test
    void aTransformerReadsIdsAndBoxesToo() {
        try (FusionTransformer fusion = new FusionTransformer()
                .setModel(MODEL)
                .setKey("id")
                .setColumn("text=input_ids")
                .setBoxes("visual=xyxy")
                .setMask("text=text_mask", "visual=visual_mask")
                .setVectors("array")) {
            for (Row row : fusion.transform(table()).select("id", "fused").collectAsList()) {
                int r = Integer.parseInt(row.getString(0));
                assertThat(GoldenTable.error(golden.pooled().row(r), row.getList(1)))
                        .isLessThan(TOLERANCE);
            }
        }
    }

    private Dataset<Row> fused(FeatureTables tables) {
        return fused(tables, stored, MODEL);
    }

    private Dataset<Row> fused(FeatureTables tables, Checkpoint read, String model) {
        Checkpoint checkpoint = read.withTokenIds(tables.tokenIds(), model, HADOOP);
        tables.audit(RowPolicy.FAIL);
        PairedTable paired = tables.pair(OptionalInt.of(1));
        return FusionEngines.fuse(
                paired,
                checkpoint,
                new FusionConfig(columns(read), 64, false, Set.of(Emitted.POOLED)),
                FusionProgress.start(spark.sparkContext()));
    }

    private String write(Dataset<Row> table) {
        String path = directory.resolve("table-" + System.nanoTime()).toString();
        table.coalesce(1).write().parquet(path);
        return path;
    }

    private static TableColumns columns(Checkpoint model) {
        return TableColumns.of(
                model.config(),
                "id",
                List.of(),
                Map.of("text", "input_ids"),
                Map.of(),
                Map.of("visual", "xyxy"),
                Map.of("text", SelectionColumn.mask("text_mask"), "visual", SelectionColumn.mask("visual_mask")));
    }

    private Dataset<Row> table() {
        return table(golden, stored);
    }

    /** Golden rows: ids as ints, features and boxes an array per token, masks. */
    private Dataset<Row> table(Golden of, Checkpoint model) {
        int features = model.config().modalities().get(1).featureSize();
        int boxes = model.config().modalities().get(1).boxSize();
        StructType schema = StructType.fromDDL("id string, input_ids array<int>, text_mask array<int>,"
                + " visual array<array<float>>, xyxy array<array<float>>, visual_mask array<int>");
        List<Row> rows = new ArrayList<>();
        for (int r = 0; r < of.rows(); r++) {
            GoldenInput text = of.inputs().get(0);
            GoldenInput visual = of.inputs().get(1);
            rows.add(RowFactory.create(
                    String.valueOf(r),
                    ids(text, r),
                    mask(text, r),
                    tokens(visual, r, 0, features),
                    tokens(visual, r, features, features + boxes),
                    mask(visual, r)));
        }
        return spark.createDataFrame(rows, schema);
    }

    private static float[][] tokens(GoldenInput input, int row, int from, int to) {
        return IntStream.range(0, input.tokens(row))
                .mapToObj(t -> Arrays.copyOfRange(input.numbers(row, t, 1), from, to))
                .toArray(float[][]::new);
    }

    private static Integer[] ids(GoldenInput input, int row) {
        float[] ids = input.numbers(row, 0, input.tokens(row));
        return IntStream.range(0, ids.length).mapToObj(t -> (int) ids[t]).toArray(Integer[]::new);
    }

    private static Integer[] mask(GoldenInput input, int row) {
        Integer[] mask = new Integer[input.tokens(row)];
        Arrays.fill(mask, 0);
        Arrays.stream(input.kept(row)).forEach(token -> mask[token] = 1);
        return mask;
    }
}
