package dev.braid.spark;

import dev.braid.batch.ElementType;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.SafetensorsFile;
import dev.braid.checkpoint.StoredTensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** A golden model directory as feature tables, with what PyTorch gave for them. Row r has the key {@code "p-" + r}. */
final class GoldenTable {
    static final DataType NESTED = DataTypes.createArrayType(DataTypes.createArrayType(DataTypes.FloatType));
    static final DataType NESTED_DOUBLE = DataTypes.createArrayType(DataTypes.createArrayType(DataTypes.DoubleType));
    static final DataType FLAT = DataTypes.createArrayType(DataTypes.FloatType);
    static final DataType FLAT_DOUBLE = DataTypes.createArrayType(DataTypes.DoubleType);
    static final DataType BINARY = DataTypes.BinaryType;
    static final DataType MASK = DataTypes.createArrayType(DataTypes.IntegerType);

    private final Checkpoint checkpoint;
    /** [modality][row][token][value]; dropped tokens too. */
    private final float[][][][] features;
    /** [modality][row][token], 1 where a token is kept; null for a modality without mask. */
    private final int[][][] masks;
    /** [row][token][value]. */
    private final float[][][] fused;
    /** [row][value], or null. */
    private final float[][] pooled;
    /** [row][layers x groups], or null. */
    private final float[][] attentionByLayer;

    private GoldenTable(
            Checkpoint checkpoint,
            float[][][][] features,
            int[][][] masks,
            float[][][] fused,
            float[][] pooled,
            float[][] attentionByLayer) {
        this.checkpoint = checkpoint;
        this.features = features;
        this.masks = masks;
        this.fused = fused;
        this.pooled = pooled;
        this.attentionByLayer = attentionByLayer;
    }

    static GoldenTable read(String name) {
        String directory = "src/test/resources/golden/" + name;
        Checkpoint checkpoint = Checkpoint.read(directory, new Configuration());
        ModelConfig config = checkpoint.config();
        try (SafetensorsFile file =
                SafetensorsFile.open(new Path(directory, "golden.safetensors"), new Configuration())) {
            List<ModalityConfig> modalities = config.modalities();
            float[][][][] features = new float[modalities.size()][][][];
            int[][][] masks = new int[modalities.size()][][];
            for (int m = 0; m < features.length; m++) {
                features[m] = sequences(file, modalities.get(m));
                masks[m] = masks(file, modalities.get(m).name(), features[m]);
            }
            float[][] tokens = matrix(file.read("fused"));
            float[][][] fused = new float[features[0].length][][];
            int from = 0;
            for (int r = 0; r < fused.length; r++) {
                int to = from + config.leadingTokens();
                for (int m = 0; m < features.length; m++) {
                    to += masks[m] == null ? features[m][r].length : Arrays.stream(masks[m][r]).sum();
                }
                fused[r] = Arrays.copyOfRange(tokens, from, to);
                from = to;
            }
            boolean pools = config.pooling() != Pooling.NONE;
            return new GoldenTable(
                    checkpoint,
                    features,
                    masks,
                    fused,
                    pools ? matrix(file.read("pooled")) : null,
                    holds(file, "attention_by_layer") ? matrix(file.read("attention_by_layer")) : null);
        } catch (IOException failure) {
            throw new IllegalStateException(failure);
        }
    }

    private static boolean holds(SafetensorsFile file, String tensor) {
        return file.entries().containsKey(tensor);
    }

    private static float[][][] sequences(SafetensorsFile file, ModalityConfig modality) {
        StoredTensor padded = file.read(modality.name() + ".features");
        FloatBuffer values = FloatBuffer.allocate((int) padded.shape().elements());
        padded.copyTo(values);
        int longest = (int) padded.shape().dimension(1);
        long[] lengths = new long[(int) padded.shape().dimension(0)];
        Arrays.fill(lengths, longest);
        if (holds(file, modality.name() + ".lengths")) {
            file.read(modality.name() + ".lengths").copyTo(LongBuffer.wrap(lengths));
        }
        float[][][] sequences = new float[lengths.length][][];
        for (int r = 0; r < lengths.length; r++) {
            sequences[r] = new float[(int) lengths[r]][modality.featureSize()];
            for (int t = 0; t < sequences[r].length; t++) {
                values.get((r * longest + t) * modality.featureSize(), sequences[r][t]);
            }
        }
        return sequences;
    }

    private static int[][] masks(SafetensorsFile file, String modality, float[][][] sequences) {
        if (!holds(file, modality + ".mask")) {
            return null;
        }
        StoredTensor stored = file.read(modality + ".mask");
        long[] entries = new long[(int) stored.shape().elements()];
        stored.copyTo(LongBuffer.wrap(entries));
        int longest = (int) stored.shape().dimension(1);
        int[][] masks = new int[sequences.length][];
        for (int r = 0; r < masks.length; r++) {
            masks[r] = new int[sequences[r].length];
            for (int t = 0; t < masks[r].length; t++) {
                masks[r][t] = (int) entries[r * longest + t];
            }
        }
        return masks;
    }

    /** The same, with tokens of NaN put before, among and behind the others, and masks that drop them. */
    GoldenTable padded() {
        float[][][][] padded = new float[features.length][rows()][][];
        int[][][] kept = new int[features.length][rows()][];
        for (int m = 0; m < features.length; m++) {
            for (int r = 0; r < rows(); r++) {
                List<float[]> tokens = new ArrayList<>();
                List<Integer> mask = new ArrayList<>();
                for (int t = 0; t <= features[m][r].length; t++) {
                    for (int n = 0; n < (m + r + t) % 3; n++) {
                        float[] nan = new float[features[m][0][0].length];
                        Arrays.fill(nan, Float.NaN);
                        tokens.add(nan);
                        mask.add(0);
                    }
                    if (t < features[m][r].length) {
                        tokens.add(features[m][r][t]);
                        mask.add(1);
                    }
                }
                padded[m][r] = tokens.toArray(float[][]::new);
                kept[m][r] = mask.stream().mapToInt(entry -> entry).toArray();
            }
        }
        return new GoldenTable(checkpoint, padded, kept, fused, pooled, attentionByLayer);
    }

    private static float[][] matrix(StoredTensor tensor) {
        FloatBuffer values = FloatBuffer.allocate((int) tensor.shape().elements());
        tensor.copyTo(values);
        int rows = (int) tensor.shape().dimension(0);
        float[][] matrix = new float[rows][values.capacity() / rows];
        for (int r = 0; r < matrix.length; r++) {
            values.get(r * matrix[r].length, matrix[r]);
        }
        return matrix;
    }

    Checkpoint checkpoint() {
        return checkpoint;
    }

    int rows() {
        return fused.length;
    }

    int largestRow() {
        return Arrays.stream(fused).mapToInt(tokens -> tokens.length).max().orElseThrow();
    }

    float[][] sequence(int modality, int row) {
        return features[modality][row];
    }

    float[][] fused(int row) {
        return fused[row];
    }

    float[] pooled(int row) {
        return pooled[row];
    }

    /** A row's shares of each layer, one layer after the other. */
    float[] attentionByLayer(int row) {
        return attentionByLayer[row];
    }

    /** How many of a row's tokens of a modality are kept. */
    int kept(int modality, int row) {
        return masks[modality] == null
                ? features[modality][row].length
                : Arrays.stream(masks[modality][row]).sum();
    }

    /** A row's mask of a modality as a value of a Spark column. */
    Object[] mask(int modality, int row) {
        return Arrays.stream(masks[modality][row]).boxed().toArray();
    }

    TableColumns columns(String... keep) {
        Map<String, SelectionColumn> selections = new TreeMap<>();
        for (int m = 0; m < features.length; m++) {
            if (masks[m] != null) {
                String modality = checkpoint.config().modalities().get(m).name();
                selections.put(modality, SelectionColumn.mask(modality + "_mask"));
            }
        }
        return TableColumns.of(checkpoint.config(), "id", List.of(keep), Map.of(), Map.of(), selections);
    }

    /** The table (id, label, a column per modality, a mask {@code M_mask} where modality M has one). */
    Dataset<Row> paired(SparkSession spark, DataType type) {
        StructType schema = new StructType().add("id", "string").add("label", "string");
        for (ModalityConfig modality : checkpoint.config().modalities()) {
            schema = schema.add(modality.name(), type);
        }
        for (FeatureColumn masked : columns().selected()) {
            schema = schema.add(masked.selection().column(), MASK);
        }
        List<Row> rows = new ArrayList<>();
        for (int r = 0; r < rows(); r++) {
            List<Object> values = new ArrayList<>(List.of("p-" + r, "label of " + r));
            for (float[][][] modality : features) {
                values.add(stored(modality[r], type));
            }
            for (int m = 0; m < features.length; m++) {
                if (masks[m] != null) {
                    values.add(mask(m, r));
                }
            }
            rows.add(RowFactory.create(values.toArray()));
        }
        return spark.createDataFrame(rows, schema);
    }

    /** A sequence as a value of a Spark column. */
    static Object stored(float[][] sequence, DataType type) {
        if (type.equals(NESTED)) {
            return sequence;
        }
        int width = sequence[0].length;
        if (type.equals(NESTED_DOUBLE)) {
            double[][] wide = new double[sequence.length][width];
            for (int t = 0; t < wide.length; t++) {
                for (int i = 0; i < width; i++) {
                    wide[t][i] = sequence[t][i];
                }
            }
            return wide;
        }
        FloatBuffer flat = FloatBuffer.allocate(sequence.length * width);
        for (float[] token : sequence) {
            flat.put(token);
        }
        if (type.equals(FLAT)) {
            return flat.array();
        }
        if (type.equals(FLAT_DOUBLE)) {
            double[] wide = new double[flat.capacity()];
            Arrays.setAll(wide, flat::get);
            return wide;
        }
        ByteBuffer bytes = ByteBuffer.allocate(flat.capacity() * ElementType.FLOAT32.bytes())
                .order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(flat.array());
        return bytes.array();
    }

    /** The largest error relative to max(1, |x|). */
    static double error(float[] expected, List<Float> got) {
        double largest = expected.length == got.size() ? 0 : Double.POSITIVE_INFINITY;
        for (int i = 0; i < Math.min(expected.length, got.size()); i++) {
            largest = Math.max(largest, Math.abs(expected[i] - got.get(i)) / Math.max(1, Math.abs(expected[i])));
        }
        return largest;
    }
}
