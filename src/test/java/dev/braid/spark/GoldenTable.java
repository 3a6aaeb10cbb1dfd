package dev.braid.spark;

import dev.braid.batch.ElementType;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.Golden;
import dev.braid.checkpoint.GoldenInput;
import dev.braid.checkpoint.GoldenOutput;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.tables.SelectionColumn;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** A golden model directory as feature tables, with what PyTorch gave for them. Row r has the key {@code "p-" + r}. */
public final class GoldenTable {
    public static final DataType NESTED = DataTypes.createArrayType(DataTypes.createArrayType(DataTypes.FloatType));
    public static final DataType NESTED_DOUBLE =
            DataTypes.createArrayType(DataTypes.createArrayType(DataTypes.DoubleType));
    public static final DataType FLAT = DataTypes.createArrayType(DataTypes.FloatType);
    public static final DataType FLAT_DOUBLE = DataTypes.createArrayType(DataTypes.DoubleType);
    public static final DataType BINARY = DataTypes.BinaryType;
    public static final DataType MASK = DataTypes.createArrayType(DataTypes.IntegerType);

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

    public static GoldenTable read(String name) {
        String directory = "src/test/resources/golden/" + name;
        Checkpoint checkpoint = Checkpoint.read(directory, new Configuration());
        ModelConfig config = checkpoint.config();
        Golden golden = Golden.read(directory, config, new Configuration()).orElseThrow();
        int modalities = config.modalities().size();
        float[][][][] features = new float[modalities][golden.rows()][][];
        int[][][] masks = new int[modalities][golden.rows()][];
        for (int m = 0; m < modalities; m++) {
            GoldenInput input = golden.inputs().get(m);
            boolean prefixes = true;
            for (int r = 0; r < golden.rows(); r++) {
                int[] kept = input.kept(r);
                prefixes &= kept[kept.length - 1] == kept.length - 1;
                masks[m][r] = new int[input.tokens(r)];
                for (int token : kept) {
                    masks[m][r][token] = 1;
                }
            }
            for (int r = 0; r < golden.rows(); r++) {
                int stored = prefixes ? input.kept(r).length : input.tokens(r);
                features[m][r] = tokens(input, r, stored, config.modalities().get(m));
            }
            masks[m] = prefixes ? null : masks[m];
        }
        float[][][] fused = new float[golden.rows()][][];
        int token = 0;
        for (int r = 0; r < fused.length; r++) {
            int tokens = 0;
            for (ModelConfig.Group group : config.outputGroups()) {
                tokens += group.isLearned()
                        ? group.learned()
                        : golden.inputs().get(group.modality()).kept(r).length;
            }
            fused[r] = new float[tokens][];
            for (int t = 0; t < tokens; t++) {
                fused[r][t] = golden.fused().row(token++);
            }
        }
        return new GoldenTable(
                checkpoint, features, masks, fused, rows(golden.pooled()), rows(golden.attentionByLayer()));
    }

    private static float[][] tokens(GoldenInput input, int row, int tokens, ModalityConfig modality) {
        float[] values = input.numbers(row, 0, tokens);
        float[][] sequence = new float[tokens][];
        for (int t = 0; t < tokens; t++) {
            int start = t * modality.featureSize();
            sequence[t] = Arrays.copyOfRange(values, start, start + modality.featureSize());
        }
        return sequence;
    }

    private static float[][] rows(GoldenOutput output) {
        return output == null
                ? null
                : IntStream.range(0, output.rows()).mapToObj(output::row).toArray(float[][]::new);
    }

    /** The same, with tokens of NaN put before, among and behind the others, and masks that drop them. */
    public GoldenTable padded() {
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

    public Checkpoint checkpoint() {
        return checkpoint;
    }

    public int rows() {
        return fused.length;
    }

    public int largestRow() {
        return IntStream.range(0, rows()).map(this::tokens).max().orElseThrow();
    }

    private int tokens(int row) {
        int tokens = checkpoint.config().learnedTokens();
        for (int m = 0; m < features.length; m++) {
            tokens += kept(m, row);
        }
        return tokens;
    }

    public float[][] sequence(int modality, int row) {
        return features[modality][row];
    }

    public float[][] fused(int row) {
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
    public Object[] mask(int modality, int row) {
        return Arrays.stream(masks[modality][row]).boxed().toArray();
    }

    public TableColumns columns(String... keep) {
        Map<String, SelectionColumn> selections = new TreeMap<>();
        for (int m = 0; m < features.length; m++) {
            if (masks[m] != null) {
                String modality = checkpoint.config().modalities().get(m).name();
                selections.put(modality, SelectionColumn.mask(modality + "_mask"));
            }
        }
        return TableColumns.of(checkpoint.config(), "id", List.of(keep), Map.of(), Map.of(), Map.of(), selections);
    }

    /**
     * The table (id, label, a column per modality, a mask {@code M_mask} where modality M has one).
     *
     * @param types of the modalities, the last one that of all further ones
     */
    public Dataset<Row> paired(SparkSession spark, DataType... types) {
        StructType schema = new StructType().add("id", "string").add("label", "string");
        for (int m = 0; m < features.length; m++) {
            String modality = checkpoint.config().modalities().get(m).name();
            schema = schema.add(modality, types[Math.min(m, types.length - 1)]);
        }
        for (int m = 0; m < features.length; m++) {
            if (masks[m] != null) {
                schema = schema.add(columns().features().get(m).selection().column(), MASK);
            }
        }
        List<Row> rows = new ArrayList<>();
        for (int r = 0; r < rows(); r++) {
            List<Object> values = new ArrayList<>(List.of("p-" + r, "label of " + r));
            for (int m = 0; m < features.length; m++) {
                values.add(stored(features[m][r], types[Math.min(m, types.length - 1)]));
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
    public static Object stored(float[][] sequence, DataType type) {
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
    public static double error(float[] expected, List<Float> got) {
        double largest = expected.length == got.size() ? 0 : Double.POSITIVE_INFINITY;
        for (int i = 0; i < Math.min(expected.length, got.size()); i++) {
            largest = Math.max(largest, Math.abs(expected[i] - got.get(i)) / Math.max(1, Math.abs(expected[i])));
        }
        return largest;
    }
}
