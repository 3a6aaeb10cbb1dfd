package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.batch.DecodedRow;
import dev.braid.batch.DecodedRow.Reason;
import dev.braid.batch.DecodedRow.Rejected;
import dev.braid.batch.DecodedRow.Sequences;
import dev.braid.batch.ElementType;
import dev.braid.batch.FeatureSequence;
import java.nio.FloatBuffer;
import java.util.List;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.types.DataType;
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
            assertThat(sequence.copyTo(out, 0, 2)).isTrue();
            assertThat(out.array()).containsExactly(0, 1, -2, 3, 0.5f, Float.MIN_VALUE, Float.MAX_VALUE, 0);
        }
    }

    @ParameterizedTest
    @FieldSource("TYPES")
    void aNumberThatIsNotFiniteIsFoundWhenItIsCopied(DataType type) {
        for (float bad : List.of(Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY)) {
            Object stored = GoldenTable.stored(new float[][] {{1, 2, 3}, {4, bad, 6}}, type);
            InternalRow row = PairedRows.unsafe(type).apply(PairedRows.generic("p-1", stored));
            Sequences decoded = (Sequences) decode(row, type, 2);
            assertThat(decoded.byModality().get(0).copyTo(FloatBuffer.allocate(6), 0, 2))
                    .isFalse();
            rejected(
                    decoder(type, 2).notFinite(row, decoded),
                    Reason.NOT_FINITE,
                    "Cannot decode row 'p-1': column 'pixels' holds " + bad
                            + " at token 1, expected finite float32 numbers");
        }
    }

    @Test
    void aDoubleBeyondFloat32IsNotFinite() {
        InternalRow row = PairedRows.generic("p-1", new double[] {1, 1e39, 3});
        Sequences decoded = (Sequences) decode(row, GoldenTable.FLAT_DOUBLE, 9);
        assertThat(decoder(GoldenTable.FLAT_DOUBLE, 9).notFinite(row, decoded).message())
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
        rejected(GoldenTable.FLAT, flat, Reason.NULL_VALUE, "holds null at token 99, expected numbers");
        Object[] number = {new float[] {1, 2, 3}, new Object[] {1f, null, 3f}};
        rejected(GoldenTable.NESTED, number, Reason.NULL_VALUE, "holds null at token 1, expected numbers");
        Object[] token = {new float[] {1, 2, 3}, null};
        rejected(GoldenTable.NESTED, token, Reason.NULL_VALUE, "holds null at token 1, expected numbers");
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
    void aRowOverTheTokenBudgetIsRejectedWithTheBudgetThatWouldDo() {
        Object five = GoldenTable.stored(new float[5][3], GoldenTable.FLAT);
        DecodedRow decoded = decode(PairedRows.generic("p-1", five), GoldenTable.FLAT, 4);
        rejected(
                decoded,
                Reason.TOO_LONG,
                "Cannot decode row 'p-1': 5 tokens, expected at most 4 (--max-tokens); --max-tokens 5 would do");
        assertThat(decode(PairedRows.generic("p-1", five), GoldenTable.FLAT, 5)).isInstanceOf(Sequences.class);
    }

    private static void rejected(DataType type, Object stored, Reason reason, String found) {
        InternalRow generic = PairedRows.generic("p-1", stored);
        for (InternalRow row : List.of(generic, PairedRows.unsafe(type).apply(generic))) {
            rejected(decode(row, type, 1000), reason, "Cannot decode row 'p-1': column 'pixels' " + found);
        }
    }

    private static void rejected(DecodedRow row, Reason reason, String message) {
        assertThat(row).isEqualTo(new Rejected(reason, message));
    }

    private static DecodedRow decode(InternalRow row, DataType type, int maxTokens) {
        return decoder(type, maxTokens).decode(row);
    }

    private static RowDecoder decoder(DataType type, int maxTokens) {
        // The golden tables store float32; a row that is told to be float16 shows that the type is heeded.
        ElementType dtype = maxTokens == 1000 ? ElementType.FLOAT16 : null;
        return PairedRows.decoder(PairedRows.visual(3, dtype), maxTokens, type);
    }
}
