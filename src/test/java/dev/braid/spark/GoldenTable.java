package dev.braid.spark;

import dev.braid.batch.ElementType;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModalityConfig;
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

    private final Checkpoint checkpoint;
    /** [modality][row][token][value]. */
    private final float[][][][] features;
    /** [row][token][value]. */
    private final float[][][] fused;
    /** [row][value], or null. */
    private final float[][] pooled;

    private GoldenTable(Checkpoint checkpoint, float[][][][] features, float[][][] fused, float[][] pooled) {
        this.checkpoint = checkpoint;
        this.features = features;
        this.fused = fused;
        this.pooled = pooled;
    }

    static GoldenTable read(String name) {
        String directory = "src/test/resources/golden/" + name;
        Checkpoint checkpoint = Checkpoint.read(directory, new Configuration());
        try (SafetensorsFile file =
                SafetensorsFile.open(new Path(directory, "golden.safetensors"), new Configuration())) {
            List<ModalityConfig> modalities = checkpoint.config().modalities();
            float[][][][] features = new float[modalities.size()][][][];
            for (int m = 0; m < features.length; m++) {
                features[m] = sequences(file, modalities.get(m));
            }
            float[][] tokens = matrix(file.read("fused"));
            float[][][] fused = new float[features[0].length][][];
            int from = 0;
            for (int r = 0; r < fused.length; r++) {
                int to = from;
                for (float[][][] modality : features) {
                    to += modality[r].length;
                }
                fused[r] = Arrays.copyOfRange(tokens, from, to);
                from = to;
            }
            boolean pools = checkpoint.config().pooling() != Pooling.NONE;
            return new GoldenTable(checkpoint, features, fused, pools ? matrix(file.read("pooled")) : null);
        } catch (IOException failure) {
            throw new IllegalStateException(failure);
        }
    }

    private static float[][][] sequences(SafetensorsFile file, ModalityConfig modality) {
        StoredTensor stored = file.read(modality.name() + ".lengths");
        long[] lengths = new long[(int) stored.shape().elements()];
        stored.copyTo(LongBuffer.wrap(lengths));
        StoredTensor padded = file.read(modality.name() + ".features");
        FloatBuffer values = FloatBuffer.allocate((int) padded.shape().elements());
        padded.copyTo(values);
        int longest = (int) padded.shape().dimension(1);
        float[][][] sequences = new float[lengths.length][][];
        for (int r = 0; r < lengths.length; r++) {
            sequences[r] = new float[(int) lengths[r]][modality.featureSize()];
            for (int t = 0; t < sequences[r].length; t++) {
                values.get((r * longest + t) * modality.featureSize(), sequences[r][t]);
            }
        }
        return sequences;
    }

    private static float[][] matrix(StoredTensor tensor) {
        FloatBuffer values = FloatBuffer.allocate((int) tensor.shape().elements());
        tensor.copyTo(values);
        float[][] matrix = new float[(int) tensor.shape().dimension(0)]
                [(int) tensor.shape().dimension(1)];
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

    TableColumns columns(String... keep) {
        return TableColumns.of(checkpoint.config(), "id", List.of(keep), Map.of(), Map.of());
    }

    /** The table (id, label, a column per modality). */
    Dataset<Row> paired(SparkSession spark, DataType type) {
        StructType schema = new StructType().add("id", "string").add("label", "string");
        for (ModalityConfig modality : checkpoint.config().modalities()) {
            schema = schema.add(modality.name(), type);
        }
        List<Row> rows = new ArrayList<>();
        for (int r = 0; r < rows(); r++) {
            Object[] values = new Object[2 + features.length];
            values[0] = "p-" + r;
            values[1] = "label of " + r;
            for (int m = 0; m < features.length; m++) {
                values[2 + m] = stored(features[m][r], type);
            }
            rows.add(RowFactory.create(values));
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
