package dev.braid.decode;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.batch.CheckedCopy;
import dev.braid.batch.ElementType;
import dev.braid.batch.FeatureSequence;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.PositionConfig;
import dev.braid.checkpoint.PositionEmbeddings;
import dev.braid.decode.DecodedRow.Sequences;
import dev.braid.rows.StoredRow;
import dev.braid.spark.Emitted;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.GoldenTable;
import dev.braid.spark.PairedRows;
import dev.braid.spark.TableColumns;
import dev.braid.tables.SelectionColumn;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

class RowDecoderTest {
    static final List<DataType> TYPES = List.of(
            GoldenTable.NESTED,
            GoldenTable.NESTED_DOUBLE,
            GoldenTable.FLAT,
            GoldenTable.FLAT_DOUBLE,
            GoldenTable.BINARY);
    private static final float[][] SEQUENCE = {{1, -2, 3}, {0.5f, Float.MIN_VALUE, Float.MAX_VALUE}};

    @ParameterizedTest
    @FieldSource("TYPES")
    void everyLayoutGivesItsNumbersFromEveryKindOfRow(DataType type) {
        InternalRow generic = PairedRows.generic("p-1", GoldenTable.stored(SEQUENCE, type));
        UnsafeRow unsafe = PairedRows.unsafe(type).apply(generic);
        for (InternalRow row : List.of(generic, unsafe, PairedRows.inPage(unsafe))) {
            Sequences decoded = (Sequences) decode(row, type, 2);
            assertThat(decoded.tokens()).isEqualTo(2);
            FeatureSequence sequence = decoded.byModality().get(0);
            FloatBuffer out = FloatBuffer.allocate(8);
            out.position(1);
            assertThat(copied(sequence, out)).isTrue();
            assertThat(out.array()).containsExactly(0, 1, -2, 3, 0.5f, Float.MIN_VALUE, Float.MAX_VALUE, 0);
        }
    }

    /** Copies all tokens of a sequence; false if a number is not finite. */
    private static boolean copied(FeatureSequence sequence, FloatBuffer out) {
        CheckedCopy copy = new CheckedCopy(out);
        sequence.copyTo(copy, 0, sequence.tokens());
        return copy.isFinite();
    }

    @ParameterizedTest
    @FieldSource("TYPES")
    void aNumberThatIsNotFiniteIsFoundWhenItIsCopied(DataType type) {
        for (float bad : List.of(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY)) {
            Object stored = GoldenTable.stored(new float[][] {{1, 2, 3}, {4, bad, 6}}, type);
            InternalRow row = PairedRows.unsafe(type).apply(PairedRows.generic("p-1", stored));
            Sequences decoded = (Sequences) decode(row, type, 2);
            assertThat(copied(decoded.byModality().get(0), FloatBuffer.allocate(6)))
                    .isFalse();
            rejected(
                    decoder(type, 2).notFinite(PairedRows.stored(row, type), decoded),
                    Reason.NON_FINITE_VALUE,
                    "Cannot decode row 'p-1': column 'pixels' holds " + bad
                            + " at token 1, expected finite float32 numbers");
        }
    }

    @Test
    void aHalfThatIsNotFiniteIsNamedAsWhatItIs() {
        byte[] stored = {0, 0, 0, 0x7c, 0, 0};
        InternalRow row = PairedRows.generic("p-1", stored);
        RowDecoder decoder = decoder(GoldenTable.BINARY, 1000);
        StoredRow half = PairedRows.stored(row, GoldenTable.BINARY);
        Sequences decoded = (Sequences) decoder.decode(half);
        assertThat(decoder.notFinite(half, decoded).message())
                .isEqualTo("Cannot decode row 'p-1': column 'pixels' holds Infinity at token 0, expected finite float32"
                        + " numbers");
    }

    @Test
    void aDoubleBeyondFloat32IsNotFinite() {
        InternalRow row = PairedRows.generic("p-1", new double[] {1, 1e39, 3});
        Sequences decoded = (Sequences) decode(row, GoldenTable.FLAT_DOUBLE, 9);
        assertThat(decoder(GoldenTable.FLAT_DOUBLE, 9)
                        .notFinite(PairedRows.stored(row, GoldenTable.FLAT_DOUBLE), decoded)
                        .message())
                .isEqualTo("Cannot decode row 'p-1': column 'pixels' holds Infinity at token 0, expected finite float32"
                        + " numbers");
    }

    @ParameterizedTest
    @FieldSource("TYPES")
    void nullsAndEmptySequencesAreRejected(DataType type) {
        rejected(type, null, Reason.NULL_SEQUENCE, "is null, expected a sequence of features");
        Object empty = GoldenTable.stored(new float[][] {{}}, type);
        rejected(
                type,
                type.equals(GoldenTable.NESTED) || type.equals(GoldenTable.NESTED_DOUBLE) ? new Object[0] : empty,
                Reason.EMPTY_SEQUENCE,
                "is empty, expected at least one token");
        DecodedRow noKey = decode(PairedRows.generic(null, empty), type, 9);
        rejected(noKey, Reason.NULL_KEY, "Cannot decode a row: column 'id' is null, expected a key");
    }

    @Test
    void aNullNumberOrTokenIsRejectedBeforeItIsReadAsZero() {
        Object[] flat = new Object[300];
        for (int i = 0; i < flat.length; i++) {
            flat[i] = 1f;
        }
        flat[299] = null;
        rejected(GoldenTable.FLAT, flat, Reason.NULL_ELEMENT, "holds null at token 99, expected numbers");
        Object[] number = {new float[] {1, 2, 3}, new Object[] {1f, null, 3f}};
        rejected(GoldenTable.NESTED, number, Reason.NULL_ELEMENT, "holds null at token 1, expected numbers");
        Object[] token = {new float[] {1, 2, 3}, null};
        rejected(GoldenTable.NESTED, token, Reason.NULL_ELEMENT, "holds null at token 1, expected numbers");
    }

    @Test
    void aWidthThatIsNotTheModelsIsRejected() {
        String source = "feature_size of 'visual' in config.json)";
        rejected(
                GoldenTable.NESTED,
                new float[][] {{1, 2}, {1, 2}},
                Reason.WRONG_WIDTH,
                "has width 2, expected 3 (" + source);
        rejected(
                GoldenTable.NESTED,
                new float[][] {{1, 2, 3}, {1, 2, 3, 4}},
                Reason.WRONG_WIDTH,
                "has width 4 at token 1, expected 3 (" + source);
        rejected(
                GoldenTable.FLAT,
                new float[] {1, 2, 3, 4},
                Reason.WRONG_WIDTH,
                "has length 4, expected a multiple of 3 (" + source);
        rejected(
                GoldenTable.BINARY,
                new byte[10],
                Reason.WRONG_WIDTH,
                "has 10 bytes, expected a multiple of 6 (float16 x 3, " + source);
    }

    @Test
    void filesInPlaceOfNumbersAreRefusedByName() {
        byte[] npy = bytes("\u0093NUMPY\u0001\u0000v\u0000{'descr': '<f4'}", 60);
        byte[] pickle =
                bytes("\u0080\u0004\u0095\u001f\u0000\u0000\u0000\u0000\u0000\u0000\u0000\u008c\u0015numpy", 60);
        byte[] oldPickle = bytes("\u0080\u0002cnumpy.core.multiarray\n", 60);
        byte[] zip = bytes("PK\u0003\u0004\u0014\u0000", 60);
        Map<String, byte[]> files =
                Map.of("an .npy file", npy, "a pickle", pickle, "a zip file (.npz or torch.save)", zip);
        files.forEach((name, stored) -> rejected(
                GoldenTable.BINARY,
                stored,
                Reason.FOREIGN_BYTES,
                "begins as " + name + " does, expected float16 numbers without a header; store what NumPy's"
                        + " array.tobytes() gives"));
        assertThat(decode(PairedRows.generic("p-1", oldPickle), GoldenTable.BINARY, 1000))
                .isInstanceOf(BadRow.class);
        // The same bytes but for one are numbers.
        for (byte[] stored : List.of(npy, pickle, oldPickle, zip)) {
            byte[] numbers = stored.clone();
            numbers[2]++;
            assertThat(decode(PairedRows.generic("p-1", numbers), GoldenTable.BINARY, 1000))
                    .isInstanceOf(Sequences.class);
        }
    }

    private static byte[] bytes(String latin1, int length) {
        return Arrays.copyOf(latin1.getBytes(StandardCharsets.ISO_8859_1), length);
    }

    @Test
    void vectorsOfSparkMlAreReadWhereTheyAreDense() {
        DataType vector = new StructType()
                .add("type", DataTypes.ByteType)
                .add("size", DataTypes.IntegerType)
                .add("indices", DataTypes.createArrayType(DataTypes.IntegerType, false))
                .add("values", DataTypes.createArrayType(DataTypes.DoubleType, false));
        InternalRow dense = vector(1, 1, -2, 3, 0.5, 7, 8);
        Sequences flat = (Sequences) decode(PairedRows.generic("p-1", dense), vector, 9);
        assertThat(floats(flat, 6)).containsExactly(1, -2, 3, 0.5f, 7, 8);
        DataType vectors = DataTypes.createArrayType(vector);
        Object tokens = new Object[] {vector(1, 1, -2, 3), vector(1, 0.5, 7, 8)};
        Sequences nested = (Sequences) decode(PairedRows.generic("p-1", tokens), vectors, 9);
        assertThat(nested.tokens()).isEqualTo(2);
        assertThat(floats(nested, 6)).containsExactly(1, -2, 3, 0.5f, 7, 8);

        String sparse = "holds a sparse vector at token ";
        rejected(vector, vector(0, 1, 2, 3), Reason.SPARSE_VECTOR, sparse + "0, expected a dense one");
        Object second = new Object[] {vector(1, 1, -2, 3), vector(0, 0.5, 7, 8)};
        rejected(vectors, second, Reason.SPARSE_VECTOR, sparse + "1, expected a dense one");
        Object none = new Object[] {vector(1, 1, -2, 3), null};
        rejected(vectors, none, Reason.NULL_ELEMENT, "holds null at token 1, expected numbers");
    }

    private static InternalRow vector(int type, double... values) {
        return new GenericInternalRow(new Object[] {(byte) type, null, null, new GenericArrayData(values)});
    }

    private static float[] floats(Sequences decoded, int count) {
        FloatBuffer out = FloatBuffer.allocate(count);
        assertThat(copied(decoded.byModality().get(0), out)).isTrue();
        return out.array();
    }

    @Test
    void binaryDoublesAreRoundedToFloats() {
        double[] numbers = {1, 0.1, -1e-300, 3e38, 5, 6};
        ByteBuffer stored = ByteBuffer.allocate(48).order(ByteOrder.LITTLE_ENDIAN);
        for (double number : numbers) {
            stored.putDouble(number);
        }
        TableColumns columns = PairedRows.pixels(ModalityConfig.UNLIMITED, ElementType.FLOAT64, null);
        FusionConfig config = new FusionConfig(columns, 9, false, Set.of(Emitted.POOLED));
        RowDecoder decoder =
                PairedRows.decoder(config, PairedRows.model(columns, false, Pooling.MEAN), GoldenTable.BINARY);
        StoredRow row = PairedRows.stored(PairedRows.generic("p-1", stored.array()), GoldenTable.BINARY);
        assertThat(floats((Sequences) decoder.decode(row), 6)).containsExactly(1f, 0.1f, -0f, 3e38f, 5f, 6f);
        stored.putDouble(8, 1e39);
        Sequences beyond = (Sequences)
                decoder.decode(PairedRows.stored(PairedRows.generic("p-1", stored.array()), GoldenTable.BINARY));
        assertThat(copied(beyond.byModality().get(0), FloatBuffer.allocate(6))).isFalse();
    }

    @Test
    void aRowOverTheTokenBudgetIsRejectedWithTheBudgetThatWouldDo() {
        Object five = GoldenTable.stored(new float[5][3], GoldenTable.FLAT);
        DecodedRow decoded = decode(PairedRows.generic("p-1", five), GoldenTable.FLAT, 4);
        rejected(
                decoded,
                Reason.TOO_LONG,
                "Cannot decode row 'p-1': 5 tokens, expected at most 4 (--max-tokens); --max-tokens 5 would do");
        assertThat(decode(PairedRows.generic("p-1", five), GoldenTable.FLAT, 5)).isInstanceOf(Sequences.class);
    }

    @Test
    void theTokenBudgetCountsTheClsToken() {
        TableColumns columns = PairedRows.pixels(ModalityConfig.UNLIMITED, null, null);
        FusionConfig config = new FusionConfig(columns, 5, false, Set.of(Emitted.POOLED));
        RowDecoder decoder =
                PairedRows.decoder(config, PairedRows.model(columns, true, Pooling.MEAN), GoldenTable.NESTED);
        assertThat(decoder.decode(nested(new float[4][3]))).isInstanceOf(Sequences.class);
        rejected(
                decoder.decode(nested(new float[5][3])),
                Reason.TOO_LONG,
                "Cannot decode row 'p-1': 6 tokens with CLS, expected at most 5 (--max-tokens); --max-tokens 6 would"
                        + " do");
    }

    /** CLS is a token of the row; --truncate cuts a modality, not a row. */
    @Test
    void aRowBeyondTheModelsPositionsIsRejected() {
        TableColumns columns = PairedRows.pixels(ModalityConfig.UNLIMITED, null, null);
        FusionConfig config = new FusionConfig(columns, 50, true, Set.of(Emitted.POOLED));
        ModelConfig model = PairedRows.model(columns, true, Pooling.MEAN)
                .withPositions(new PositionConfig(PositionEmbeddings.CONCATENATED, null, 5));
        RowDecoder decoder = PairedRows.decoder(config, model, GoldenTable.NESTED);
        assertThat(decoder.decode(nested(new float[4][3]))).isInstanceOf(Sequences.class);
        rejected(
                decoder.decode(nested(new float[5][3])),
                Reason.TOO_LONG,
                "Cannot decode row 'p-1': 6 positions, tokens that are not kept included, expected at most 5 (position"
                        + " table of the row in the model)");
    }

    @ParameterizedTest
    @FieldSource("TYPES")
    void aSequenceBeyondThePositionTableIsRefusedOrCut(DataType type) {
        float[][] stored = {{0, 1, 2}, {3, 4, 5}, {6, 7, 8}, {9, Float.NaN, 11}};
        InternalRow row = PairedRows.generic("p-1", GoldenTable.stored(stored, type));
        rejected(
                limited(type, false, null, 9).decode(PairedRows.stored(row, type)),
                Reason.TOO_LONG,
                "Cannot decode row 'p-1': column 'pixels' has 4 tokens, expected at most 3 (position table of"
                        + " 'visual'); --truncate would cut it");
        Sequences cut = (Sequences) limited(type, true, null, 3).decode(PairedRows.stored(row, type));
        assertThat(cut.truncated()).isTrue();
        assertThat(cut.tokens()).isEqualTo(3);
        FloatBuffer out = FloatBuffer.allocate(9);
        assertThat(copied(cut.byModality().get(0), out)).isTrue();
        assertThat(out.array()).containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8);

        Object three = GoldenTable.stored(Arrays.copyOf(stored, 3), type);
        for (boolean truncate : List.of(false, true)) {
            Sequences whole = (Sequences)
                    limited(type, truncate, null, 3).decode(PairedRows.stored(PairedRows.generic("p-1", three), type));
            assertThat(whole.truncated()).isFalse();
            assertThat(whole.tokens()).isEqualTo(3);
        }
    }

    @Test
    void theLastKeptTokenDecidesWhetherPositionsSuffice() {
        StoredRow short3 = PairedRows.stored(
                PairedRows.generic("p-1", new float[6][3], 3), GoldenTable.NESTED, DataTypes.IntegerType);
        Sequences fits = (Sequences)
                limited(GoldenTable.NESTED, true, DataTypes.IntegerType, 9).decode(short3);
        assertThat(fits.truncated()).isFalse();

        DataType mask = DataTypes.createArrayType(DataTypes.IntegerType);
        StoredRow gap = PairedRows.stored(
                PairedRows.generic("p-1", new float[6][3], new Object[] {0, 1, 0, 0, 1, 0}), GoldenTable.NESTED, mask);
        rejected(
                limited(GoldenTable.NESTED, false, mask, 9).decode(gap),
                Reason.TOO_LONG,
                "Cannot decode row 'p-1': column 'pixels' has 5 tokens up to the last one kept, expected at most 3"
                        + " (position table of 'visual'); --truncate would cut it");
        Sequences cut = (Sequences) limited(GoldenTable.NESTED, true, mask, 9).decode(gap);
        assertThat(cut.truncated()).isTrue();
        assertThat(cut.tokens()).isEqualTo(1);
        assertThat(cut.byModality().get(0).position(0)).isEqualTo(1);

        StoredRow late = PairedRows.stored(
                PairedRows.generic("p-1", new float[6][3], new Object[] {0, 0, 0, 1, 1, 1}), GoldenTable.NESTED, mask);
        rejected(
                limited(GoldenTable.NESTED, true, mask, 9).decode(late),
                Reason.EMPTY_MASK,
                "Cannot decode row 'p-1': column 'pixels' has 6 tokens up to the last one kept, expected at most 3"
                        + " (position table of 'visual'); --truncate would leave no kept token");
    }

    @Test
    void aTokenThatThePoolingReadsMustBeKept() {
        StoredRow row = PairedRows.stored(
                PairedRows.generic("p-1", new float[3][3], new Object[] {0, 1, 1}),
                GoldenTable.NESTED,
                GoldenTable.MASK);
        for (Pooling pooling : List.of(Pooling.CLS, Pooling.POOLER)) {
            rejected(
                    masked(false, pooling, Emitted.POOLED).decode(row),
                    Reason.POOLED_TOKEN_DROPPED,
                    "Cannot decode row 'p-1': column 'kept' drops token 0, expected it kept (pooling '"
                            + pooling.configName() + "' reads it)");
            assertThat(masked(true, pooling, Emitted.POOLED).decode(row)).isInstanceOf(Sequences.class);
            assertThat(masked(false, pooling, Emitted.TOKENS).decode(row)).isInstanceOf(Sequences.class);
        }
        for (Pooling pooling : List.of(Pooling.MEAN, Pooling.MAX, Pooling.LAST)) {
            assertThat(masked(false, pooling, Emitted.POOLED).decode(row)).isInstanceOf(Sequences.class);
        }
    }

    private static RowDecoder masked(boolean clsToken, Pooling pooling, Emitted emitted) {
        TableColumns columns = PairedRows.pixels(ModalityConfig.UNLIMITED, null, SelectionColumn.mask("kept"));
        FusionConfig config = new FusionConfig(columns, 9, false, Set.of(emitted));
        return PairedRows.decoder(
                config,
                PairedRows.model(columns, clsToken, pooling),
                GoldenTable.NESTED,
                DataTypes.createArrayType(DataTypes.IntegerType));
    }

    /** A decoder for a model with three positions. */
    private static RowDecoder limited(DataType type, boolean truncate, DataType selection, int maxTokens) {
        SelectionColumn column = selection == null
                ? null
                : selection instanceof ArrayType ? SelectionColumn.mask("kept") : SelectionColumn.length("kept");
        TableColumns columns = PairedRows.pixels(3, null, column);
        FusionConfig config = new FusionConfig(columns, maxTokens, truncate, Set.of(Emitted.POOLED));
        return PairedRows.decoder(config, PairedRows.model(columns, false, Pooling.MEAN), type, selection);
    }

    private static void rejected(DataType type, Object stored, Reason reason, String found) {
        InternalRow generic = PairedRows.generic("p-1", stored);
        for (InternalRow row : List.of(generic, PairedRows.unsafe(type).apply(generic))) {
            rejected(decode(row, type, 1000), reason, "Cannot decode row 'p-1': column 'pixels' " + found);
        }
    }

    private static void rejected(DecodedRow row, Reason reason, String message) {
        BadRow bad = (BadRow) row;
        assertThat(bad.reason()).isEqualTo(reason);
        assertThat(bad.message()).isEqualTo(message);
    }

    private static StoredRow nested(float[][] sequence) {
        return PairedRows.stored(PairedRows.generic("p-1", (Object) sequence), GoldenTable.NESTED);
    }

    private static DecodedRow decode(InternalRow row, DataType type, int maxTokens) {
        return decoder(type, maxTokens).decode(PairedRows.stored(row, type));
    }

    private static RowDecoder decoder(DataType type, int maxTokens) {
        // The golden tables store float32; a row that is told to be float16 shows that the type is heeded.
        ElementType dtype = maxTokens == 1000 ? ElementType.FLOAT16 : null;
        TableColumns columns = PairedRows.pixels(ModalityConfig.UNLIMITED, dtype, null);
        FusionConfig config = new FusionConfig(columns, maxTokens, false, Set.of(Emitted.POOLED));
        return PairedRows.decoder(config, PairedRows.model(columns, false, Pooling.MEAN), type);
    }
}
