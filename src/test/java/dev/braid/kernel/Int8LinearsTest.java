package dev.braid.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Linear maps of 8-bit integers on rows that have no scale, or no numbers. {@link KernelParityTest} has all others. */
class Int8LinearsTest {
    /** Sums of integers are exact; two scales, a bias and an activation are rounded to float32. */
    private static final double TOLERANCE = 2e-5;

    private final Random random = new Random(3);
    private final KernelLibrary library = Int8.library();
    private Kernels kernels;

    @BeforeEach
    void open() {
        kernels = library.open();
        kernels.bindThread();
    }

    @AfterEach
    void close() {
        kernels.close();
    }

    /** Zeros have no scale; the smallest numbers have none that float32 holds. */
    @Test
    void rowsWithoutAScaleGiveTheBias() {
        double[][] x = {new double[8], new double[8], normal(1, 8, 1)[0]};
        Arrays.fill(x[1], Float.MIN_VALUE);
        double[][] w = normal(4, 8, 1);
        w[2] = new double[8];
        double[][] b = normal(1, 4, 1);
        Matrix out = Matrix.allocate(3, 4);
        try (PackedLinear packed = library.pack(matrix(w), matrix(b))) {
            kernels.linear(out, matrix(x), packed);
        }
        x[1] = new double[8];
        assertHolds(out, ScalarReference.linear(Int8.nearest(x), Int8.nearest(w), b[0]));
    }

    /** What is not finite stays so, in its own row alone. */
    @Test
    void aRowWithoutNumbersChangesNoOther() {
        double[][] x = normal(16, 40, 1);
        double[][] w = normal(24, 40, 1);
        x[3][7] = Double.NaN;
        x[9][0] = Double.POSITIVE_INFINITY;
        Matrix out = Matrix.allocate(16, 24);
        try (PackedLinear packed = library.pack(matrix(w), matrix(new double[1][24]))) {
            kernels.linear(out, matrix(x), packed);
        }
        double[][] expected = ScalarReference.linear(Int8.nearest(x), Int8.nearest(w), new double[24]);
        float[] row = new float[24];
        for (int r = 0; r < 16; r++) {
            HostRows.of(out).read(r, row);
            for (int c = 0; c < 24; c++) {
                if (r == 3 || r == 9) {
                    assertThat(Float.isFinite(row[c])).isFalse();
                } else {
                    assertThat((double) row[c]).isCloseTo(expected[r][c], within(TOLERANCE * 10));
                }
            }
        }
    }

    private static void assertHolds(Matrix got, double[][] expected) {
        float[] row = new float[got.columns()];
        for (int r = 0; r < expected.length; r++) {
            HostRows.of(got).read(r, row);
            for (int c = 0; c < row.length; c++) {
                double limit = TOLERANCE * Math.max(1, Math.abs(expected[r][c]));
                assertThat((double) row[c]).isCloseTo(expected[r][c], within(limit));
            }
        }
    }

    private static Matrix matrix(double[][] values) {
        Matrix matrix = Matrix.allocate(values.length, values[0].length);
        fill(matrix, values);
        return matrix;
    }

    private static void fill(Matrix matrix, double[][] values) {
        float[] row = new float[matrix.columns()];
        for (int r = 0; r < values.length; r++) {
            for (int c = 0; c < row.length; c++) {
                row[c] = (float) values[r][c];
            }
            HostRows.of(matrix).write(r, row);
        }
    }

    private double[][] normal(int rows, int columns, double deviation) {
        double[][] values = new double[rows][columns];
        for (double[] row : values) {
            Arrays.setAll(row, c -> (float) (deviation * random.nextGaussian()));
        }
        return values;
    }
}
