package dev.braid.rows;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import org.apache.spark.sql.execution.vectorized.OnHeapColumnVector;
import org.apache.spark.sql.execution.vectorized.WritableColumnVector;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StoredNumbersTest {
    private static final int TOKENS = 2;
    private static final int WIDTH = 1100;

    /** At the ends of the pieces in which numbers are compared, and elsewhere. */
    @ParameterizedTest
    @CsvSource({"0,0", "0,15", "0,16", "0,527", "0,528", "0,1099", "1,0", "1,511", "1,512", "1,1099"})
    void aNumberThatDiffersIsSeenWhereverItIs(int token, int index) {
        float[][] numbers = new float[TOKENS][WIDTH];
        float[][] other = new float[TOKENS][WIDTH];
        other[token][index] = 1;

        assertThat(nested(numbers).same(nested(other))).isFalse();
        assertThat(nested(numbers).same(nested(numbers.clone()))).isTrue();
        assertThat(flat(numbers[token]).same(flat(other[token]))).isFalse();
        assertThat(flat(other[token]).same(flat(other[token].clone()))).isTrue();
        assertThat(flat(numbers[token]).same(flat(Arrays.copyOf(numbers[token], WIDTH - 1))))
                .isFalse();
    }

    private static StoredNumbers flat(float[] numbers) {
        return scanned(false, numbers);
    }

    private static StoredNumbers nested(float[][] tokens) {
        return scanned(true, tokens);
    }

    private static StoredNumbers scanned(boolean nested, float[]... arrays) {
        DataType token = DataTypes.createArrayType(DataTypes.FloatType, false);
        DataType type = nested ? DataTypes.createArrayType(token, false) : token;
        WritableColumnVector column = new OnHeapColumnVector(1, type);
        WritableColumnVector ranges = nested ? column.arrayData() : column;
        ranges.reserve(arrays.length);
        int first = 0;
        for (int i = 0; i < arrays.length; i++) {
            ranges.arrayData().appendFloats(arrays[i].length, arrays[i], 0);
            ranges.putArray(i, first, arrays[i].length);
            first += arrays[i].length;
        }
        if (nested) {
            column.putArray(0, 0, arrays.length);
        }
        return new ScannedNumbers(column, 0, FeatureType.of(type).orElseThrow());
    }
}
