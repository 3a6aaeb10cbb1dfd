package dev.braid.decode;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.batch.CheckedCopy;
import dev.braid.batch.FeatureSequence;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.decode.DecodedRow.Sequences;
import dev.braid.rows.StoredRow;
import dev.braid.spark.Emitted;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.GoldenTable;
import dev.braid.spark.PairedRows;
import dev.braid.spark.TableColumns;
import dev.braid.tables.SelectionColumn;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntFunction;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** Masks and lengths as a row decoder heeds them. */
class TokenSelectionTest {
    static final List<DataType> TYPES = RowDecoderTest.TYPES;
    private static final float[][] FIVE = {{0, 1, 2}, {3, 4, 5}, {6, 7, 8}, {9, 10, 11}, {12, 13, 14}};

    /** How each type of entry writes 0, 1 and so on. */
    private static final Map<DataType, IntFunction<Object>> INTEGERS = Map.of(
            DataTypes.ByteType, i -> (byte) i,
            DataTypes.ShortType, i -> (short) i,
            DataTypes.IntegerType, i -> i,
            DataTypes.LongType, i -> (long) i);

    private static final Map<DataType, IntFunction<Object>> OTHERS = Map.of(
            DataTypes.BooleanType, i -> i == 1,
            DataTypes.FloatType, i -> (float) i,
            DataTypes.DoubleType, i -> (double) i);

    @Test
    void everyTypeOfMaskDropsWhatItMarks() {
        INTEGERS.forEach(TokenSelectionTest::masks);
        OTHERS.forEach(TokenSelectionTest::masks);
    }

    private static void masks(DataType type, IntFunction<Object> entry) {
        kept(mask(type), new int[] {0, 1, 0, 1, 1}, entry, 1, 3, 4);
        kept(mask(type), new int[] {1, 1, 0, 0, 0}, entry, 0, 1);
        kept(mask(type), new int[] {0, 0, 0, 0, 1}, entry, 4);
        kept(mask(type), new int[] {1, 1, 1, 1, 1}, entry, 0, 1, 2, 3, 4);
    }

    private static void kept(DataType type, int[] mask, IntFunction<Object> entry, int... positions) {
        Object stored = Arrays.stream(mask).mapToObj(entry).toArray();
        for (DataType features : TYPES) {
            check(features, FIVE, type, stored, positions);
        }
    }

    @Test
    void everyTypeOfLengthKeepsTheFirstTokens() {
        INTEGERS.forEach((type, number) -> {
            for (DataType features : TYPES) {
                check(features, FIVE, type, number.apply(3), 0, 1, 2);
                check(features, FIVE, type, number.apply(5), 0, 1, 2, 3, 4);
            }
        });
    }

    /** Every kind of row gives the tokens of {@code sequence} at {@code positions}, and nothing of the others. */
    private static void check(DataType type, float[][] sequence, DataType column, Object stored, int... positions) {
        InternalRow generic = PairedRows.generic("p-1", GoldenTable.stored(sequence, type), stored);
        var unsafe = PairedRows.unsafe(type, column).apply(generic);
        FloatBuffer expected = FloatBuffer.allocate(3 * positions.length);
        for (int position : positions) {
            expected.put(sequence[position]);
        }
        for (InternalRow row : List.of(generic, unsafe, PairedRows.inPage(unsafe))) {
            Sequences decoded = (Sequences) decoder(type, column).decode(PairedRows.stored(row, type, column));
            FeatureSequence kept = decoded.byModality().get(0);
            FloatBuffer out = FloatBuffer.allocate(expected.capacity());
            CheckedCopy copy = new CheckedCopy(out);
            kept.copyTo(copy, 0, kept.tokens());
            assertThat(copy.isFinite()).isTrue();
            assertThat(out).isEqualTo(expected);
            for (int t = 0; t < positions.length; t++) {
                assertThat(kept.position(t)).isEqualTo(positions[t]);
            }
            assertThat(decoded.truncated()).isFalse();
        }
    }

    @ParameterizedTest
    @FieldSource("TYPES")
    void whatADroppedTokenHoldsIsNotLookedAt(DataType type) {
        float[][] sequence = {{Float.NaN, 0, 0}, {1, 2, 3}, {0, Float.POSITIVE_INFINITY, 0}, {4, 5, 6}};
        check(type, sequence, mask(DataTypes.BooleanType), new Object[] {false, true, false, true}, 1, 3);
        float[][] padded = {{1, 2, 3}, {Float.NaN, Float.NaN, Float.NaN}};
        check(type, padded, DataTypes.LongType, 1L, 0);
    }

    @Test
    void anInfinityIsReportedAtItsPlaceInTheStoredSequence() {
        float[][] sequence = {{Float.NaN, 0, 0}, {1, 2, 3}, {0, 0, 0}, {4, Float.NaN, 6}};
        StoredRow row = PairedRows.stored(
                PairedRows.generic("p-1", sequence, new Object[] {0, 1, 0, 1}), GoldenTable.NESTED, GoldenTable.MASK);
        RowDecoder decoder = decoder(GoldenTable.NESTED, mask(DataTypes.IntegerType));
        rejected(
                decoder.notFinite(row, (Sequences) decoder.decode(row)),
                Reason.NON_FINITE_VALUE,
                "column 'pixels' holds NaN at token 3, expected finite float32 numbers");
    }

    @Test
    void nullMayStandInADroppedTokenAlone() {
        Object[] nested = {new float[] {1, 2, 3}, null, new Object[] {1f, null, 3f}};
        Object[] flat = {1f, 2f, 3f, null, null, null, 1f, null, 3f};
        DataType integers = mask(DataTypes.IntegerType);
        Map.of(GoldenTable.NESTED, nested, GoldenTable.FLAT, flat).forEach((type, stored) -> {
            InternalRow dropped = PairedRows.generic("p-1", stored, new Object[] {1, 0, 0});
            InternalRow kept = PairedRows.generic("p-1", stored, new Object[] {1, 0, 1});
            assertThat(decoder(type, integers).decode(PairedRows.stored(dropped, type, integers)))
                    .isInstanceOf(Sequences.class);
            rejected(
                    decoder(type, integers).decode(PairedRows.stored(kept, type, integers)),
                    Reason.NULL_ELEMENT,
                    "column 'pixels' holds null at token 2, expected numbers");
        });
    }

    @Test
    void aDroppedTokenMayHaveAnyWidth() {
        Object[] nested = {new float[] {1, 2, 3}, new float[] {1}};
        RowDecoder one = decoder(GoldenTable.NESTED, DataTypes.IntegerType);
        assertThat(one.decode(nested(nested, 1))).isInstanceOf(Sequences.class);
        rejected(
                one.decode(nested(nested, 2)),
                Reason.WRONG_WIDTH,
                "column 'pixels' has width 1 at token 1, expected 3 (feature_size of 'visual' in config.json)");
    }

    @Test
    void aMaskThatDoesNotFitItsSequenceIsRejected() {
        DataType integers = mask(DataTypes.IntegerType);
        bad(integers, null, "is null, expected a mask");
        bad(integers, new Object[] {1, 1, 1, 1}, "has 4 entries, expected 5 (tokens of 'pixels')");
        bad(integers, new Object[0], "has 0 entries, expected 5 (tokens of 'pixels')");
        bad(integers, new Object[] {1, 1, 1, 1, 1, 0}, "has 6 entries, expected 5 (tokens of 'pixels')");
        bad(integers, new Object[] {1, 1, 0, null, 1}, "holds null at token 3, expected 1 (keep) or 0 (drop)");
        bad(integers, new Object[] {1, 2, 0, 1, 1}, "holds 2 at token 1, expected 1 (keep) or 0 (drop)");
        bad(integers, new Object[] {-1, 1, 0, 1, 1}, "holds -1 at token 0, expected 1 (keep) or 0 (drop)");
        Object[] longs = {1L, 1L, 1L, 1L, Long.MIN_VALUE + 1};
        bad(mask(DataTypes.LongType), longs, "holds -9223372036854775807 at token 4, expected 1 (keep) or 0 (drop)");
        Object[] floats = {1f, 0f, -0f, 0.3f, 1f};
        bad(mask(DataTypes.FloatType), floats, "holds 0.3 at token 3, expected 1 (keep) or 0 (drop)");
        Object[] doubles = {1D, 0D, 1D, 0D, Double.NaN};
        bad(mask(DataTypes.DoubleType), doubles, "holds NaN at token 4, expected 1 (keep) or 0 (drop)");
    }

    @Test
    void aLengthThatDoesNotFitItsSequenceIsRejected() {
        bad(DataTypes.IntegerType, null, "is null, expected a length");
        bad(DataTypes.IntegerType, -1, "is -1, expected 1 to 5 (tokens of 'pixels')");
        bad(DataTypes.ByteType, (byte) 6, "is 6, expected 1 to 5 (tokens of 'pixels')");
        bad(DataTypes.LongType, (1L << 32) + 3, "is 4294967299, expected 1 to 5 (tokens of 'pixels')");
    }

    @Test
    void aRowOfWhichNoTokenIsKeptIsRejected() {
        String message = "column 'kept' keeps no token, expected at least one";
        Object[] none = {false, false, false, false, false};
        rejected(decode(mask(DataTypes.BooleanType), none), Reason.EMPTY_MASK, message);
        rejected(decode(DataTypes.ShortType, (short) 0), Reason.EMPTY_MASK, message);
    }

    @Test
    void theTokenBudgetCountsKeptTokensAlone() {
        TableColumns columns = columns(DataTypes.IntegerType);
        FusionConfig config = new FusionConfig(columns, 3, false, Set.of(Emitted.POOLED));
        RowDecoder decoder = PairedRows.decoder(
                config, PairedRows.model(columns, false, Pooling.MEAN), GoldenTable.NESTED, DataTypes.IntegerType);
        assertThat(decoder.decode(nested(FIVE, 3))).isInstanceOf(Sequences.class);
        rejected(
                decoder.decode(nested(FIVE, 4)),
                Reason.TOO_LONG,
                "4 tokens, expected at most 3 (--max-tokens); --max-tokens 4 would do");
    }

    private static StoredRow nested(Object features, int length) {
        return PairedRows.stored(
                PairedRows.generic("p-1", features, length), GoldenTable.NESTED, DataTypes.IntegerType);
    }

    private static void bad(DataType column, Object stored, String found) {
        rejected(decode(column, stored), Reason.UNFIT_MASK, "column 'kept' " + found);
    }

    private static DecodedRow decode(DataType column, Object stored) {
        return decoder(GoldenTable.NESTED, column)
                .decode(PairedRows.stored(PairedRows.generic("p-1", FIVE, stored), GoldenTable.NESTED, column));
    }

    private static void rejected(DecodedRow row, Reason reason, String found) {
        BadRow bad = (BadRow) row;
        assertThat(bad.reason()).isEqualTo(reason);
        assertThat(bad.message()).isEqualTo("Cannot decode row 'p-1': " + found);
    }

    private static RowDecoder decoder(DataType type, DataType column) {
        FusionConfig config = new FusionConfig(columns(column), 99, false, Set.of(Emitted.POOLED));
        return PairedRows.decoder(config, PairedRows.model(columns(column), false, Pooling.MEAN), type, column);
    }

    private static TableColumns columns(DataType column) {
        SelectionColumn selection =
                column instanceof ArrayType ? SelectionColumn.mask("kept") : SelectionColumn.length("kept");
        return PairedRows.pixels(ModalityConfig.UNLIMITED, null, selection);
    }

    private static DataType mask(DataType entry) {
        return DataTypes.createArrayType(entry);
    }
}
