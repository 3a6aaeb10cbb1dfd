package dev.braid.model;

import dev.braid.batch.FeatureSequence;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.SafetensorsFile;
import dev.braid.checkpoint.StoredTensor;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** The inputs of a golden.safetensors and the outputs that PyTorch gave for them. */
final class GoldenData {
    private final List<List<FeatureSequence>> rows = new ArrayList<>();
    private final float[][] fused;
    private final float[][] pooled;

    private GoldenData(float[][] fused, float[][] pooled) {
        this.fused = fused;
        this.pooled = pooled;
    }

    static GoldenData read(String directory, ModelConfig config) throws IOException {
        Path path = new Path(directory, "golden.safetensors");
        try (SafetensorsFile file = SafetensorsFile.open(path, new Configuration())) {
            float[][] pooled = config.pooling() == Pooling.NONE ? null : matrix(file.read("pooled"));
            GoldenData golden = new GoldenData(matrix(file.read("fused")), pooled);
            for (ModalityConfig modality : config.modalities()) {
                golden.addModality(file, modality);
            }
            return golden;
        }
    }

    private void addModality(SafetensorsFile file, ModalityConfig modality) {
        long[] lengths =
                new long[(int) file.read(modality.name() + ".lengths").shape().elements()];
        file.read(modality.name() + ".lengths").copyTo(LongBuffer.wrap(lengths));
        StoredTensor features = file.read(modality.name() + ".features");
        float[] values = new float[(int) features.shape().elements()];
        features.copyTo(FloatBuffer.wrap(values));
        int rowFloats = values.length / lengths.length;
        for (int row = 0; row < lengths.length; row++) {
            if (rows.size() <= row) {
                rows.add(new ArrayList<>());
            }
            int length = (int) lengths[row];
            int from = row * rowFloats;
            rows.get(row)
                    .add(new ArraySequence(
                            Arrays.copyOfRange(values, from, from + length * modality.featureSize()), length));
        }
    }

    private static float[][] matrix(StoredTensor tensor) {
        float[][] values = new float[(int) tensor.shape().dimension(0)]
                [(int) tensor.shape().dimension(1)];
        float[] all = new float[(int) tensor.shape().elements()];
        tensor.copyTo(FloatBuffer.wrap(all));
        for (int r = 0; r < values.length; r++) {
            System.arraycopy(all, r * values[r].length, values[r], 0, values[r].length);
        }
        return values;
    }

    List<List<FeatureSequence>> rows() {
        return rows;
    }

    /** [N][D]: every row's tokens, one row after the other. */
    float[][] fused() {
        return fused;
    }

    /** [rows][D], or null where the model does not pool. */
    float[][] pooled() {
        return pooled;
    }

    /** A sequence that lies in an array. */
    static final class ArraySequence implements FeatureSequence {
        private final float[] values;
        private final int tokens;

        ArraySequence(float[] values, int tokens) {
            this.values = values;
            this.tokens = tokens;
        }

        @Override
        public int tokens() {
            return tokens;
        }

        @Override
        public boolean copyTo(FloatBuffer out, int first, int count) {
            int width = values.length / tokens;
            out.put(values, first * width, count * width);
            return true;
        }
    }
}
