package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.tensor.Activation;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.LongStream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Golden files: which tokens of them are kept, and what is said of those that do not fit the model. */
class GoldenTest {
    private static final ModelConfig CONFIG = config(new ModalityConfig("text", 2), true, Pooling.MEAN);

    private static ModelConfig config(ModalityConfig text, boolean clsToken, Pooling pooling) {
        return ModelConfig.singleStream(
                List.of(new ModalityConfig("visual", 3), text),
                clsToken,
                2,
                new LayerConfig(4, 2, 8, Activation.RELU, false, 1e-5f, true),
                pooling);
    }

    @TempDir
    private Path path;

    /** Two rows of 1 + 2 + 2 and 1 + 3 + 1 tokens. */
    private static SafetensorsWriter golden() {
        return new SafetensorsWriter()
                .random("visual.features", 2, 3, 3)
                .tensor("visual.lengths", DType.I64, longs(2, 3), 2)
                .random("text.features", 2, 4, 2)
                .tensor("text.mask", DType.I64, longs(0, 1, 0, 1, 0, 0, 1, 0), 2, 4)
                .random("fused", 10, 4)
                .random("pooled", 2, 4)
                .random("layers.1", 10, 4)
                .random("attention", 2, 3)
                .random("attention_by_layer", 2, 2, 3);
    }

    private static byte[] longs(long... values) {
        ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES * values.length).order(ByteOrder.LITTLE_ENDIAN);
        LongStream.of(values).forEach(bytes::putLong);
        return bytes.array();
    }

    private Golden read(SafetensorsWriter writer) throws IOException {
        writer.write(path.resolve(Golden.FILE));
        return Golden.read(path.toString(), CONFIG, new Configuration(false)).orElseThrow();
    }

    private void assertRefused(SafetensorsWriter writer, String... lines) {
        assertThatThrownBy(() -> read(writer))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot read golden.safetensors:\n  " + String.join("\n  ", lines));
    }

    @Test
    void aDirectoryMayHoldNone() {
        assertThat(Golden.read(path.toString(), CONFIG, new Configuration(false)))
                .isEmpty();
    }

    @Test
    void lengthsKeepTheFirstTokensAndAMaskKeepsItsOnes() throws IOException {
        Golden golden = read(golden());
        assertThat(golden.rows()).isEqualTo(2);
        assertThat(golden.tokens()).isEqualTo(10);
        assertThat(golden.inputs().get(0).kept(0)).containsExactly(0, 1);
        assertThat(golden.inputs().get(0).kept(1)).containsExactly(0, 1, 2);
        assertThat(golden.inputs().get(1).kept(0)).containsExactly(1, 3);
        assertThat(golden.inputs().get(1).kept(1)).containsExactly(2);
        assertThat(golden.layers()).containsOnlyKeys(1);
        assertThat(golden.attentionByLayer().row(1)).hasSize(6);
    }

    @Test
    void whatIsMissingOrOfAnotherShapeIsSaidAltogether() {
        assertRefused(
                golden().without("text.mask").random("visual.features", 2, 3, 5),
                "tensor 'visual.features': expected [rows, tokens, 3] (feature_size of 'visual' in config.json), got F32"
                        + " [2, 3, 5]",
                "tensor 'text.lengths': expected [2], got no such tensor");
        assertRefused(
                golden().without("pooled").random("fused", 9, 4).random("layers.7", 10, 4),
                "tensor 'fused': expected [10, 4] (the rows and tokens of the features, and config.json), got F32 [9, 4]",
                "tensor 'pooled': expected [2, 4], got no such tensor",
                "tensor 'layers.7': expected only features, boxes, ids, lengths, mask, layers.{i}, fused, pooled, attention and"
                        + " attention_by_layer, got F32 [10, 4]");
    }

    @Test
    void rowsThatTheModelDoesNotTakeAreRefused() throws IOException {
        golden().write(path.resolve(Golden.FILE));
        ModelConfig short3 = config(new ModalityConfig("text", 2, 3), true, Pooling.MEAN);
        assertThatThrownBy(() -> Golden.read(path.toString(), short3, new Configuration(false)))
                .hasMessage("Cannot read golden.safetensors:\n  the kept tokens of 'text.features': expected at most 3"
                        + " positions (position table of 'text'), got 4 in row 0");
        for (byte[] mask : List.of(longs(0, 1, 0, 1, 1, 1), longs(0, 0, 0, 1, 1, 1))) {
            golden().tensor("visual.mask", DType.I64, mask, 2, 3).write(path.resolve(Golden.FILE));
            ModelConfig readsFirst = config(new ModalityConfig("text", 2), false, Pooling.CLS);
            assertThatThrownBy(() -> Golden.read(path.toString(), readsFirst, new Configuration(false)))
                    .hasMessage(
                            "Cannot read golden.safetensors:\n  the kept tokens of 'visual.features': expected token"
                                    + " 0 (pooling 'cls' reads it), got it dropped in row 0");
        }
    }

    @Test
    void lengthsAndMasksThatCannotBeAreRefused() {
        assertRefused(
                golden().tensor("visual.lengths", DType.I64, longs(2, 4), 2),
                "tensor 'visual.lengths': expected 1 to 3 (tokens of 'visual.features'), got 4 at [1]");
        assertRefused(
                golden().tensor("text.mask", DType.I64, new byte[64], 2, 4)
                        .tensor("visual.mask", DType.I64, longs(0, 0, 0, 1, 1, 1), 2, 3),
                "the kept tokens: expected at least one in every row, got none in row 0");
        assertRefused(
                golden().tensor("text.mask", DType.I64, longs(0, 1, 0, 1, 0, 2, 1, 0), 2, 4),
                "tensor 'text.mask': expected 1 (keep) or 0 (drop), got 2 at [1, 1]");
        assertRefused(
                golden().floats("fused", new float[] {Float.NaN}, 1, 1).random("text.mask", 2, 4),
                "tensor 'text.mask': expected I64 [2, 4], got F32 [2, 4]");
    }
}
