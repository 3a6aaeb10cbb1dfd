package dev.braid.rows;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Decimal;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Against Python's xxhash: {@code xxhash.xxh64(numpy floats of '<f4', seed=xxhash.xxh64(key bytes).intdigest())}. */
class RowWriterTest {
    @ParameterizedTest
    @CsvSource({"1, 4e5317a643dc89b2", "3, bb9de57ddcdb9bae", "8, 7ca580daaf9e9353", "256, 310823d8e2eee34d"})
    void isXxh64OfTheFloatsSeededWithThatOfTheKey(int size, String expected) {
        float[] vector = new float[size];
        for (int i = 0; i < size; i++) {
            vector[i] = i * 0.25f - 1;
        }

        assertThat(hex(Hashes.with(Hashes.ofKey("k-1"), vector))).isEqualTo(expected);
    }

    @Test
    void countsAreFourBytesEach() {
        long key = Hashes.ofKey("k-1");
        assertThat(hex(Hashes.with(key, new int[] {1, 36, 12}))).isEqualTo("fd2c2c3160d62fb7");
        assertThat(hex(Hashes.with(key, new int[] {5}))).isEqualTo("3fd57fafaf306682");
    }

    @Test
    void keysAreTheirBytes() {
        assertThat(hex(Hashes.ofKey(""))).isEqualTo("ef46db3751d8e999");
        assertThat(hex(Hashes.ofKey("gr\u00fc\u00dfe"))).isEqualTo("f6b705a592c4dcda");
        assertThat(hex(of(DataTypes.BinaryType, new byte[] {0, (byte) 255, 127})))
                .isEqualTo("b8d306eddebd7a4d");
        assertThat(hex(of(DataTypes.LongType, -7L))).isEqualTo("a8d154f80f8cba5a");
    }

    @Test
    void aWholeNumberHashesTheSameInEveryWidth() {
        assertThat(List.of(
                        of(DataTypes.IntegerType, -7),
                        of(DataTypes.ShortType, (short) -7),
                        of(DataTypes.ByteType, (byte) -7),
                        of(DataTypes.TimestampType, -7L)))
                .containsOnly(of(DataTypes.LongType, -7L));
    }

    @Test
    void aKeyOfAnyOtherTypeHashesToo() {
        Map<DataType, List<Object>> keys = Map.of(
                DataTypes.BooleanType,
                List.of(true, false),
                DataTypes.DoubleType,
                List.of(1.5, -1.5, 0.0, -0.0),
                DataTypes.createDecimalType(30, 2),
                List.of(Decimal.apply("1.25"), Decimal.apply("1.26")),
                DataTypes.createArrayType(DataTypes.IntegerType),
                List.of(new GenericArrayData(new int[] {1, 2}), new GenericArrayData(new int[] {2, 1})));
        keys.forEach((type, values) -> {
            List<Long> hashes = new ArrayList<>();
            for (Object value : values) {
                hashes.add(of(type, value));
                assertThat(of(type, value)).as("%s", type).isEqualTo(hashes.get(hashes.size() - 1));
            }
            assertThat(hashes).as("%s", type).doesNotHaveDuplicates();
        });
    }

    @Test
    void everyBitOfEveryFloatCountsAndSoDoTheirPlaces() {
        float[] vector = {0f, 1f, Float.NaN};
        Set<Long> hashes = new TreeSet<>();
        hashes.add(Hashes.with(1, vector));
        for (int i = 0; i < vector.length; i++) {
            for (int bit = 0; bit < Float.SIZE; bit++) {
                float[] flipped = vector.clone();
                flipped[i] = Float.intBitsToFloat(Float.floatToRawIntBits(vector[i]) ^ 1 << bit);
                hashes.add(Hashes.with(1, flipped));
            }
        }
        hashes.add(Hashes.with(1, new float[] {1f, 0f, Float.NaN}));
        hashes.add(Hashes.with(1, new float[][] {{0f, 1f}, {Float.NaN}}));
        hashes.add(Hashes.with(1, new float[][] {{0f}, {1f, Float.NaN}}));
        hashes.add(Hashes.with(2, vector));
        assertThat(hashes).hasSize(1 + 3 * Float.SIZE + 4);
        assertThat(Hashes.with(1, new float[][] {vector})).isEqualTo(Hashes.with(1, vector));
    }

    private static long of(DataType type, Object key) {
        return new RowWriter(1).ofKey(new GenericInternalRow(new Object[] {key, "another column"}), type);
    }

    private static String hex(long hash) {
        return String.format("%016x", hash);
    }
}
