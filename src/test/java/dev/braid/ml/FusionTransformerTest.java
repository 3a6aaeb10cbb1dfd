package dev.braid.ml;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.spark.SharedSpark;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Stream;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.classification.LogisticRegression;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Fusion as a stage of a pipeline, over the demo's emoji: 390 pictures with their names. */
@ExtendWith(SharedSpark.class)
class FusionTransformerTest {
    private static final String MODEL = "src/demo/model";

    private final SparkSession spark;

    @TempDir
    private Path directory;

    FusionTransformerTest(SparkSession spark) {
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

    private Dataset<Row> emoji() {
        return spark.read()
                .parquet("src/demo/visual.parquet")
                .join(spark.read().parquet("src/demo/text.parquet"), "codepoints");
    }

    private static FusionTransformer fusion(String model) {
        return new FusionTransformer().setModel(model).setKey("codepoints").setDtype("visual=float16", "text=float16");
    }

    @Tag("slow")
    @Test
    void aClassifierLearnsFromFusedVectorsInOnePipeline() {
        try (FusionTransformer fusion = fusion(MODEL)) {
            Dataset<Row> rows = emoji().withColumn(
                            "food",
                            functions.col("subgroup").startsWith("food-").cast("double"));
            LogisticRegression classifier = new LogisticRegression()
                    .setFeaturesCol("fused")
                    .setLabelCol("food")
                    .setMaxIter(10);
            Pipeline pipeline = new Pipeline().setStages(new PipelineStage[] {fusion, classifier});

            PipelineModel fitted = pipeline.fit(rows.filter("fold <> 0"));
            Dataset<Row> predicted = fitted.transform(rows.filter("fold = 0"));

            long all = predicted.count();
            assertThat(predicted.filter("food = 1").count()).isEqualTo(12);
            assertThat(predicted.filter("food = 1 and prediction = 1").count()).isGreaterThan(9);
            assertThat(predicted.filter("food = 0 and prediction = 0").count()).isGreaterThan((all - 12) * 9 / 10);
        }
    }

    @Test
    void itsVectorsAreThoseOfTheCommand() {
        Dataset<Row> expected = spark.read().parquet("src/test/resources/demo/expected_fused.parquet");
        try (FusionTransformer fusion = fusion(MODEL)) {
            Dataset<Row> fused = fusion.transform(emoji());
            assertThat(fused.columns())
                    .containsExactly("codepoints", "visual", "emoji", "label", "subgroup", "fold", "text", "fused");
            assertThat(fused.schema().apply("fused").dataType()).isEqualTo(SQLDataTypes.VectorType());
            List<Row> both = fused.select("codepoints", "fused")
                    .join(expected.withColumnRenamed("fused", "expected"), "codepoints")
                    .select("fused", "expected")
                    .collectAsList();
            assertThat(both).hasSizeGreaterThan(100);
            for (Row row : both) {
                Vector vector = row.getAs(0);
                List<Float> numbers = row.getList(1);
                assertThat(vector.size()).isEqualTo(numbers.size());
                for (int i = 0; i < numbers.size(); i++) {
                    assertThat(vector.apply(i)).isCloseTo(numbers.get(i), org.assertj.core.api.Assertions.within(1e-5));
                }
            }
        }
    }

    @Test
    void theModelIsReadOnceForATransformerAndItsCopies() throws IOException {
        Path model = copyOfTheModel();
        FusionTransformer fusion = fusion(model.toString());
        long first = fusion.transform(emoji()).select("fused").distinct().count();
        delete(model);

        FusionTransformer copy = fusion.copy(ParamMap.empty());
        assertThat(copy.uid()).isEqualTo(fusion.uid());
        assertThat(copy.transform(emoji()).select("fused").distinct().count()).isEqualTo(first);
        copy.close();
        assertThatThrownBy(() -> fusion.transform(emoji()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining(model.toString());
    }

    private Path copyOfTheModel() throws IOException {
        Path copy = Files.createDirectory(directory.resolve("model"));
        try (Stream<Path> files = Files.list(Path.of(MODEL))) {
            for (Path file : files.toList()) {
                Files.copy(file, copy.resolve(file.getFileName()));
            }
        }
        return copy;
    }

    private static void delete(Path model) throws IOException {
        try (Stream<Path> files = Files.list(model)) {
            for (Path file : files.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(model);
    }

    @Test
    void whatIsSavedIsLoadedWithItsParameters() {
        String path = directory.resolve("saved").toString();
        try (FusionTransformer fusion =
                fusion(MODEL).setEmit("pooled", "tokens").setVectors("float16")) {
            fusion.save(path);
        } catch (IOException failure) {
            throw new AssertionError(failure);
        }
        try (FusionTransformer loaded = FusionTransformer.load(path)) {
            assertThat(loaded.transformSchema(emoji().schema()).fieldNames())
                    .endsWith("fused", "fused_tokens", "fused_lengths");
            String[] dtypes = loaded.getOrDefault(loaded.dtype());
            assertThat(dtypes).containsExactly("visual=float16", "text=float16");
            Object vector = loaded.transform(emoji()).select("fused").first().get(0);
            assertThat(vector).isInstanceOf(byte[].class);
        }
    }

    @Test
    void aSavedPipelineIsLoadedWithIt() throws IOException {
        String path = directory.resolve("pipeline").toString();
        try (FusionTransformer fusion = fusion(MODEL)) {
            new Pipeline().setStages(new PipelineStage[] {fusion}).fit(emoji()).save(path);
        }
        PipelineModel loaded = PipelineModel.load(path);
        assertThat(loaded.stages()[0]).isInstanceOf(FusionTransformer.class);
        assertThat(loaded.transform(emoji()).select("fused").count()).isEqualTo(390);
        ((FusionTransformer) loaded.stages()[0]).close();
    }

    @Test
    void aSchemaShowsEveryProblemOfTheColumnsWithoutData() {
        StructType wrong = new StructType().add("codepoints", "string").add("visual", DataTypes.StringType);
        try (FusionTransformer fusion = fusion(MODEL)) {
            assertThatThrownBy(() -> fusion.transformSchema(wrong))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("column 'text'")
                    .hasMessageContaining("'visual'");
        }
    }

    @Test
    void everyWrongParameterIsNamedAtOnce() {
        FusionTransformer fusion = new FusionTransformer("fusion-1")
                .setEmit("pooled", "vectors")
                .setVectors("float8")
                .setMask("visual")
                .setMaxTokens(0)
                .setTolerance(Double.NaN)
                .setOnMissingModality("quarantine");
        assertThatThrownBy(() -> fusion.transform(emoji()))
                .isInstanceOf(InputException.class)
                .hasMessageStartingWith("Cannot read the parameters of 'fusion-1':")
                .hasMessageContaining("'model': expected the model directory, got none")
                .hasMessageContaining("'emit': expected pooled, tokens, attention, attention-by-layer, got 'vectors'")
                .hasMessageContaining("'vectors': expected vector, array, float32, float16, int8, got 'float8'")
                .hasMessageContaining("'mask': expected MODALITY=VALUE, got 'visual'")
                .hasMessageContaining("'maxTokens': expected a whole number of at least 1, got 0")
                .hasMessageContaining("'tolerance': expected a positive number, got NaN")
                .hasMessageContaining("'onMissingModality': expected fail, fuse-rest, got 'quarantine'");
        assertThatThrownBy(() -> fusion(MODEL).setVectors(" ").setPrecision("").transform(emoji()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("'vectors': expected vector, array, float32, float16, int8, got ''")
                .hasMessageContaining("'precision': expected fp32, bf16, int8, got ''");
        assertThatThrownBy(() -> fusion(MODEL).setMaxTokens(1).transform(emoji()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("expected at least 2 (a token per modality of the model)");
        assertThatThrownBy(() -> fusion(MODEL).setModelSha256("0".repeat(64)).transform(emoji()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("expected SHA-256 000");
    }

    @Test
    void aStreamIsRefusedWithTheWayOut() {
        Dataset<Row> stream = spark.readStream()
                .schema(spark.read().parquet("src/demo/visual.parquet").schema())
                .parquet("src/demo");
        try (FusionTransformer fusion = fusion(MODEL)) {
            assertThatThrownBy(() -> fusion.transform(stream))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("foreachBatch");
        }
    }

    @Test
    void sparkConnectFindsItAsAService() {
        assertThat(ServiceLoader.load(Transformer.class).stream().map(ServiceLoader.Provider::type))
                .contains(FusionTransformer.class);
    }
}
