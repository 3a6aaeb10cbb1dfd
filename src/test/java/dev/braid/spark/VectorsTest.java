package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.decode.RowPolicy;
import dev.braid.progress.FusionProgress;
import dev.braid.task.VectorForm;
import dev.braid.tensor.Precision;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The output in each form of vectors, and results that no form holds. */
@ExtendWith(SharedSpark.class)
class VectorsTest {
    private static final GoldenTable GOLDEN = GoldenTable.read("odd-sizes");
    private static final Set<Emitted> BOTH = Set.of(Emitted.POOLED, Emitted.TOKENS);

    private final SparkSession spark;
    private long fingerprint;

    VectorsTest(SparkSession spark) {
        this.spark = spark;
    }

    @Test
    void float32HoldsTheBitsOfArraysAndHasTheirFingerprint() {
        List<Row> arrays = fuse(VectorForm.ARRAY);
        long ofArrays = fingerprint;
        List<Row> binary = fuse(VectorForm.FLOAT32);
        assertThat(fingerprint).isEqualTo(ofArrays);
        for (int r = 0; r < arrays.size(); r++) {
            List<Float> pooled = arrays.get(r).getList(1);
            assertThat(numbers(binary.get(r), 1)).isEqualTo(floats(pooled));
            List<Object> tokens = arrays.get(r).getList(2);
            float[] all = numbers(binary.get(r), 2);
            int size = pooled.size();
            assertThat(all).hasSize(tokens.size() * size);
            for (int t = 0; t < tokens.size(); t++) {
                assertThat(java.util.Arrays.copyOfRange(all, t * size, (t + 1) * size))
                        .isEqualTo(floats(FusionTest.floats(tokens.get(t))));
            }
            assertThat(binary.get(r).getStruct(3)).isEqualTo(arrays.get(r).getStruct(3));
        }
    }

    @Test
    void float16AndInt8AreTheVectorsRounded() {
        List<Row> exact = fuse(VectorForm.FLOAT32);
        List<Row> halves = fuse(VectorForm.FLOAT16);
        List<Row> bytes = fuse(VectorForm.INT8);
        assertThat(bytes.get(0).schema().fieldNames())
                .containsExactly("id", "fused", "fused_scale", "fused_tokens", "fused_tokens_scales", "fused_lengths");
        for (int r = 0; r < exact.size(); r++) {
            for (int column : new int[] {1, 2}) {
                float[] numbers = numbers(exact.get(r), column);
                ByteBuffer half =
                        ByteBuffer.wrap((byte[]) halves.get(r).get(column)).order(ByteOrder.LITTLE_ENDIAN);
                byte[] quantised = (byte[]) bytes.get(r).get(2 * column - 1);
                assertThat(half.capacity()).isEqualTo(2 * numbers.length);
                assertThat(quantised).hasSameSizeAs(numbers);
                int size = ((byte[]) exact.get(r).get(1)).length / Float.BYTES;
                for (int i = 0; i < numbers.length; i++) {
                    assertThat(half.getShort(2 * i)).isEqualTo((short) VectorForm.half(numbers[i]));
                    float scale = column == 1
                            ? bytes.get(r).getFloat(2)
                            : bytes.get(r).<Float>getList(4).get(i / size);
                    assertThat(Math.abs(quantised[i] * scale - numbers[i])).isLessThanOrEqualTo(0.5001f * scale);
                }
            }
        }
    }

    @Test
    void aResultThatIsNotFiniteIsRefusedWithItsRow() {
        Dataset<Row> huge = table().withColumn(
                        "visual",
                        functions.expr("if(id = 'p-2', transform(visual, t -> transform(t, x -> 3.4e38F)), visual)"));
        for (Emitted emitted : Emitted.values()) {
            FusionConfig config = new FusionConfig(GOLDEN.columns(), 64, false, Set.of(emitted));
            String column = emitted.configName()
                    .replace('-', '_')
                    .replace("pooled", "fused")
                    .replace("tokens", "fused_tokens");
            try (FusionEngine engine = FusionEngine.open(spark, GOLDEN.checkpoint(), Optional.empty(), config)) {
                assertThatThrownBy(() -> engine.fuse(huge).collectAsList())
                        .rootCause()
                        .isInstanceOf(InputException.class)
                        .hasMessageStartingWith("Cannot fuse row 'p-2': column '" + column + "' would hold NaN at ")
                        .hasMessageEndingWith(
                                ", expected finite numbers; the row's features are finite, but too large for the"
                                        + " model");
                // The neighbours are what they were.
                assertThat(engine.fuse(huge.filter("id <> 'p-2'")).collectAsList())
                        .isEqualTo(engine.fuse(table().filter("id <> 'p-2'")).collectAsList());
            }
        }
    }

    @Test
    void theScaleOfAResultThatIsNotFiniteIsRefusedToo() {
        Dataset<Row> huge =
                table().withColumn("visual", functions.expr("transform(visual, t -> transform(t, x -> 3.4e38F))"));
        FusionConfig config =
                new FusionConfig(GOLDEN.columns(), 64, false, BOTH, VectorForm.INT8, Precision.FLOAT32, RowPolicy.FAIL);
        try (FusionEngine engine = FusionEngine.open(spark, GOLDEN.checkpoint(), Optional.empty(), config)) {
            for (String scale : List.of("fused_scale", "fused_tokens_scales")) {
                assertThatThrownBy(() -> engine.fuse(huge).select(scale).collectAsList())
                        .rootCause()
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("column '" + scale + "' would hold NaN at ");
            }
        }
    }

    private List<Row> fuse(VectorForm form) {
        FusionConfig config =
                new FusionConfig(GOLDEN.columns(), 64, false, BOTH, form, Precision.FLOAT32, RowPolicy.FAIL);
        FusionProgress progress = FusionProgress.start(spark.sparkContext());
        try (FusionEngine engine = FusionEngine.open(spark, GOLDEN.checkpoint(), Optional.empty(), config)) {
            List<Row> rows = engine.fuse(PairedTable.of(table(), GOLDEN.columns()), progress).collectAsList().stream()
                    .sorted(Comparator.comparing(row -> row.getString(0)))
                    .toList();
            fingerprint = progress.fingerprint();
            return rows;
        }
    }

    private Dataset<Row> table() {
        return GOLDEN.paired(spark, GoldenTable.NESTED);
    }

    private static float[] numbers(Row row, int column) {
        ByteBuffer bytes = ByteBuffer.wrap((byte[]) row.get(column)).order(ByteOrder.LITTLE_ENDIAN);
        float[] numbers = new float[bytes.capacity() / Float.BYTES];
        bytes.asFloatBuffer().get(numbers);
        return numbers;
    }

    private static float[] floats(List<Float> boxed) {
        float[] vector = new float[boxed.size()];
        for (int i = 0; i < vector.length; i++) {
            vector[i] = boxed.get(i);
        }
        return vector;
    }
}
