package dev.braid.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.Golden;
import dev.braid.checkpoint.GoldenInput;
import dev.braid.checkpoint.Pooling;
import dev.braid.kernel.HeldMemory;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.indexing.NDArrayIndex;

/** Arrays of ND4J's in and out: PyTorch's numbers, and the same bits however an array lies in memory. */
class ArrayFusionTest {
    private static final double TOLERANCE = 2e-5;

    /** Golden models whose rows have every token of every modality. */
    static Stream<String> models() throws Exception {
        return GoldenParityTest.cases()
                .map(arguments -> arguments.get()[0].toString())
                .distinct()
                .filter(name -> rows(golden(name, checkpoint(name)), checkpoint(name)) != null);
    }

    /** With the tokens as they are in the golden rows: features or ids. */
    private static Checkpoint checkpoint(String name) {
        String directory = GoldenParityTest.GOLDEN.resolve(name).toString();
        Checkpoint stored = Checkpoint.read(directory);
        return stored.withTokenIds(golden(name, stored).tokenIds(), directory, new Configuration());
    }

    private static Golden golden(String name, Checkpoint checkpoint) {
        return Golden.read(GoldenParityTest.GOLDEN.resolve(name).toString(), checkpoint.config(), new Configuration())
                .orElseThrow();
    }

    /** Null where a token is masked, or a row lacks a modality. */
    private static List<Map<String, INDArray>> rows(Golden golden, Checkpoint checkpoint) {
        List<Map<String, INDArray>> rows = new ArrayList<>();
        for (int row = 0; row < golden.rows(); row++) {
            Map<String, INDArray> arrays = new HashMap<>();
            for (int m = 0; m < golden.inputs().size(); m++) {
                GoldenInput input = golden.inputs().get(m);
                int tokens = input.kept(row).length;
                if (tokens == 0
                        || !java.util.Arrays.equals(
                                input.kept(row), IntStream.range(0, tokens).toArray())) {
                    return null;
                }
                arrays.put(
                        checkpoint.config().modalities().get(m).name(),
                        Nd4j.create(input.numbers(row, 0, tokens), new long[] {
                            tokens, checkpoint.config().modalities().get(m).tokenSize()
                        }));
            }
            rows.add(arrays);
        }
        return rows;
    }

    @ParameterizedTest
    @MethodSource("models")
    void givesPyTorchsNumbers(String name) {
        Checkpoint checkpoint = checkpoint(name);
        Golden golden = golden(name, checkpoint);
        long before = HeldMemory.bytes();
        try (FusionModel model = FusionModel.load(checkpoint)) {
            FusedArrays fused = model.fuse(rows(golden, checkpoint));

            int index = 0;
            for (int row = 0; row < golden.rows(); row++) {
                for (float[] token : fused.tokens().get(row).toFloatMatrix()) {
                    assertThat(Deviation.of(golden.fused(), index++, row, 0, token)
                                    .error())
                            .isBetween(0.0, TOLERANCE);
                }
            }
            assertThat(index).isEqualTo(golden.tokens());
            if (golden.pooled() == null) {
                assertThat(fused.pooled()).isNull();
            } else {
                float[][] pooled = fused.pooled().toFloatMatrix();
                assertThat(pooled).hasNumberOfRows(golden.rows());
                for (int row = 0; row < pooled.length; row++) {
                    assertThat(Deviation.of(golden.pooled(), row, row, -1, pooled[row])
                                    .error())
                            .isBetween(0.0, TOLERANCE);
                }
            }
        }
        assertThat(HeldMemory.bytes()).isEqualTo(before);
    }

    @Tag("slow")
    @Test
    void mostGoldenModelsAreTried() throws Exception {
        assertThat(models()).hasSizeGreaterThan(35);
    }

    static Stream<UnaryOperator<INDArray>> layouts() {
        return Stream.of(
                array -> array.dup('f'),
                array -> array.castTo(DataType.DOUBLE),
                array -> array.transpose().dup('c').transpose(),
                array -> Nd4j.concat(0, array.mul(2), array)
                        .get(NDArrayIndex.interval(array.rows(), 2 * array.rows()), NDArrayIndex.all()),
                array -> Nd4j.concat(1, array.mul(2), array)
                        .get(NDArrayIndex.all(), NDArrayIndex.interval(array.columns(), 2 * array.columns())),
                array -> Nd4j.stack(0, array.mul(2), array).get(NDArrayIndex.point(1)));
    }

    @ParameterizedTest
    @MethodSource("layouts")
    void theBitsAreThoseOfTheNumbersHoweverTheyLie(UnaryOperator<INDArray> layout) {
        Checkpoint checkpoint = checkpoint("seed-small");
        List<Map<String, INDArray>> rows = rows(golden("seed-small", checkpoint), checkpoint);
        try (FusionModel model = FusionModel.load(checkpoint)) {
            FusedArrays expected = model.fuse(rows);
            for (int row = 0; row < rows.size(); row++) {
                Map<String, INDArray> other = new HashMap<>();
                rows.get(row).forEach((name, array) -> other.put(name, layout.apply(array)));
                FusedArrays alone = model.fuse(other);
                assertThat(alone.tokens().get(0).toFloatMatrix())
                        .isDeepEqualTo(expected.tokens().get(row).toFloatMatrix());
                assertThat(alone.pooled().toFloatMatrix()[0])
                        .containsExactly(expected.pooled().toFloatMatrix()[row]);
            }
        }
    }

    @Test
    void rowsBeyondOneBatchKeepTheirPlaces() {
        Checkpoint checkpoint = checkpoint("hundreds-of-tokens");
        List<Map<String, INDArray>> rows = rows(golden("hundreds-of-tokens", checkpoint), checkpoint);
        List<Map<String, INDArray>> thrice = new ArrayList<>(rows);
        thrice.addAll(rows);
        thrice.addAll(rows);
        try (FusionModel model = FusionModel.load(checkpoint)) {
            float[][] expected = model.fuse(rows).pooled().toFloatMatrix();
            float[][] pooled = model.fuse(thrice).pooled().toFloatMatrix();
            assertThat(pooled).hasNumberOfRows(9);
            for (int row = 0; row < 9; row++) {
                assertThat(pooled[row]).containsExactly(expected[row % 3]);
            }
        }
    }

    @Test
    void whatCannotBeFusedIsNamed() {
        Checkpoint checkpoint = checkpoint("position-embeddings").withPooling(Pooling.NONE);
        INDArray visual = Nd4j.ones(3, 6);
        INDArray text = Nd4j.ones(2, 9);
        try (FusionModel model = FusionModel.load(checkpoint)) {
            FusedArrays fused = model.fuse(Map.of("visual", visual, "text", text));
            assertThat(fused.pooled()).isNull();
            assertThat(fused.tokens()).hasSize(1);
            assertThat(fused.tokens().get(0).shape()).containsExactly(6, 24);

            refused(
                    model,
                    Map.of("visual", visual),
                    "Cannot fuse row 0: expected arrays of [text, visual]"
                            + " (modalities of the model), got [visual]");
            refused(
                    model,
                    Map.of("visual", text, "text", text),
                    "Cannot fuse row 0: expected 'visual' as [tokens, 6] of"
                            + " at most 5 tokens (all that the model has positions for), got [2, 9]");
            refused(
                    model,
                    Map.of("visual", Nd4j.ones(6, 6), "text", text),
                    "Cannot fuse row 0: expected 'visual' as"
                            + " [tokens, 6] of at most 5 tokens (all that the model has positions for), got [6, 6]");
            refused(
                    model,
                    Map.of("visual", Nd4j.ones(6), "text", text),
                    "Cannot fuse row 0: expected 'visual' as"
                            + " [tokens, 6] of at most 5 tokens (all that the model has positions for), got [6]");
            refused(
                    model,
                    Map.of("visual", Nd4j.createFromArray(new float[][] {{1, 2, 3, 4, 5, Float.NaN}}), "text", text),
                    "Cannot fuse row 0: expected finite numbers, got NaN or infinity in 'visual'");
            assertThatThrownBy(() -> model.fuse(List.of()))
                    .hasMessage("Cannot fuse arrays: expected one row or more, got none");
        }
    }

    @Test
    void whatIsNullIsNamed() {
        Checkpoint checkpoint = checkpoint("position-embeddings");
        try (FusionModel model = FusionModel.load(checkpoint)) {
            Map<String, INDArray> row = new HashMap<>();
            row.put("visual", Nd4j.ones(3, 6));
            row.put("text", null);
            refused(
                    model,
                    row,
                    "Cannot fuse row 0: expected 'text' as [tokens, 9] of at most 11 tokens (all that the model has positions for), got null");
            row.put(null, Nd4j.ones(1, 1));
            refused(
                    model,
                    row,
                    "Cannot fuse row 0: expected arrays of [text, visual] (modalities of the model), got [null, text,"
                            + " visual]");
            refused(
                    model,
                    null,
                    "Cannot fuse row 0: expected arrays of [text, visual] (modalities of the model), got null");
        }
    }

    @Test
    void nothingOfAModelLiesInTheCallersWorkspace() {
        Checkpoint checkpoint = checkpoint("seed-small");
        Map<String, INDArray> row =
                rows(golden("seed-small", checkpoint), checkpoint).get(0);
        long before = HeldMemory.bytes();
        float[][] expected;
        FusedArrays fused;
        try (FusionModel model = FusionModel.load(checkpoint)) {
            expected = model.fuse(row).tokens().get(0).toFloatMatrix();
        }
        try (MemoryWorkspace workspace = Nd4j.getWorkspaceManager().getAndActivateWorkspace("of the caller");
                FusionModel model = FusionModel.load(checkpoint)) {
            fused = model.fuse(row);
            assertThat(workspace.isScopeActive()).isTrue();
        }
        assertThat(HeldMemory.bytes()).isEqualTo(before);
        assertThat(fused.tokens().get(0).isAttached()).isFalse();
        assertThat(fused.pooled().isAttached()).isFalse();
        assertThat(fused.tokens().get(0).toFloatMatrix()).isDeepEqualTo(expected);
    }

    @Test
    void aModelThatIsClosedIsNotUsed() {
        Checkpoint checkpoint = checkpoint("seed-small");
        Map<String, INDArray> row =
                rows(golden("seed-small", checkpoint), checkpoint).get(0);
        long before = HeldMemory.bytes();
        FusionModel model = FusionModel.load(checkpoint);
        model.close();
        model.close();
        assertThat(HeldMemory.bytes()).isEqualTo(before);
        assertThatThrownBy(() -> model.fuse(row))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("the model is closed");
    }

    private static void refused(FusionModel model, Map<String, INDArray> row, String message) {
        assertThatThrownBy(() -> model.fuse(row))
                .isInstanceOf(InputException.class)
                .hasMessage(message);
    }
}
