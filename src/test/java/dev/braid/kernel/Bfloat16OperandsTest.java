package dev.braid.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.tensor.Activation;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Operations on bfloat16 operands: what they would give on the same numbers in float32, rounded once. */
class Bfloat16OperandsTest {
    private static final int ROWS = 48;
    private static final int COLUMNS = 96;

    private final Random random = new Random(11);
    private final KernelLibrary library = Bfloat16.library();
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

    @Test
    void linear() {
        Matrix in = operand(COLUMNS);
        Matrix rounded = library.operand(Matrix.allocate(ROWS, 2 * COLUMNS)).columns(COLUMNS, COLUMNS);
        Matrix exact = Matrix.allocate(ROWS, COLUMNS);
        try (PackedLinear weights = library.pack(floats(COLUMNS, COLUMNS), floats(1, COLUMNS))) {
            kernels.linear(rounded, in, weights, Activation.GELU);
            kernels.linear(exact, in, weights, Activation.GELU);
        }
        assertThat(rows(rounded)).isDeepEqualTo(nearest(exact));
    }

    @Test
    void linearAdd() {
        Matrix in = operand(COLUMNS);
        Matrix same = Matrix.allocate(ROWS, COLUMNS);
        copy(same, in);
        Matrix sum = floats(ROWS, COLUMNS);
        Matrix expected = Matrix.allocate(ROWS, COLUMNS);
        copy(expected, sum);
        try (PackedLinear weights = library.pack(floats(COLUMNS, COLUMNS), floats(1, COLUMNS))) {
            kernels.linearAdd(sum, in, weights);
            kernels.linearAdd(expected, same, weights);
        }
        assertThat(rows(sum)).isDeepEqualTo(rows(expected));
    }

    @Test
    void norm() {
        Matrix in = floats(ROWS, COLUMNS);
        Matrix rounded = library.operand(Matrix.allocate(ROWS, COLUMNS));
        Matrix exact = Matrix.allocate(ROWS, COLUMNS);
        Norm norm = new Norm(floats(1, COLUMNS), floats(1, COLUMNS), 1e-5f);
        kernels.norm(rounded, in, norm);
        kernels.norm(exact, in, norm);
        assertThat(rows(rounded)).isDeepEqualTo(nearest(exact));
    }

    @Test
    void products() {
        Matrix product = operand(COLUMNS);
        Matrix factor = operand(COLUMNS);
        float[][] expected = rows(product);
        for (int r = 0; r < ROWS; r++) {
            for (int c = 0; c < COLUMNS; c++) {
                expected[r][c] = (float) Bfloat16.nearest(expected[r][c] * rows(factor)[r][c]);
            }
        }
        kernels.multiply(product, factor);
        assertThat(rows(product)).isDeepEqualTo(expected);
    }

    @Test
    void sums() {
        Matrix sum = floats(ROWS, COLUMNS);
        Matrix in = operand(COLUMNS);
        float[][] expected = rows(sum);
        for (int r = 0; r < ROWS; r++) {
            for (int c = 0; c < COLUMNS; c++) {
                expected[r][c] += rows(in)[r][c];
            }
        }
        kernels.add(sum, in);
        assertThat(rows(sum)).isDeepEqualTo(expected);
    }

    @Test
    void rowsAreCopied() {
        Matrix from = operand(COLUMNS);
        Matrix to = operand(COLUMNS);
        float[][] expected = rows(to);
        expected[5] = rows(from)[7];
        expected[6] = rows(from)[9];
        kernels.copyRows(to, i -> 5 + i, from, i -> 7 + 2 * i, 2);
        assertThat(rows(to)).isDeepEqualTo(expected);
    }

    @Test
    void headsAreRotated() {
        Matrix heads = operand(COLUMNS);
        Matrix exact = Matrix.allocate(ROWS, COLUMNS);
        copy(exact, heads);
        Matrix angles = floats(ROWS, 32);
        kernels.rotate(heads, angles, i -> ROWS - 1 - i, ROWS);
        kernels.rotate(exact, angles, i -> ROWS - 1 - i, ROWS);
        assertThat(rows(heads)).isDeepEqualTo(nearest(exact));
    }

    /** Half a unit of the last place goes to the even number; what is no number stays none. */
    @Test
    void numbersAreRoundedToTheNearest() {
        Matrix operand = library.operand(Matrix.allocate(1, 6));
        float[] numbers = {0x1.01p0f, 0x1.03p0f, 0x1.010002p0f, Float.MAX_VALUE, Float.NaN, -0f};
        HostRows.of(operand).write(0, numbers);
        float[] expected = {0x1p0f, 0x1.04p0f, 0x1.02p0f, Float.POSITIVE_INFINITY, Float.NaN, -0f};
        assertThat(rows(operand)[0]).containsExactly(expected);
    }

    private Matrix operand(int columns) {
        Matrix operand = library.operand(Matrix.allocate(ROWS, columns));
        copy(operand, floats(ROWS, columns));
        return operand;
    }

    private Matrix floats(int rows, int columns) {
        Matrix matrix = Matrix.allocate(rows, columns);
        for (int i = 0; i < rows * columns; i++) {
            matrix.buffer().put(i, (float) random.nextGaussian());
        }
        return matrix;
    }

    private static void copy(Matrix to, Matrix from) {
        float[][] rows = rows(from);
        for (int r = 0; r < rows.length; r++) {
            HostRows.of(to).write(r, rows[r]);
        }
    }

    private static float[][] rows(Matrix matrix) {
        float[][] rows = new float[matrix.rows()][matrix.columns()];
        for (int r = 0; r < rows.length; r++) {
            HostRows.of(matrix).read(r, rows[r]);
        }
        return rows;
    }

    private static float[][] nearest(Matrix matrix) {
        float[][] rows = rows(matrix);
        for (float[] row : rows) {
            for (int c = 0; c < row.length; c++) {
                row[c] = (float) Bfloat16.nearest(row[c]);
            }
        }
        return rows;
    }
}
