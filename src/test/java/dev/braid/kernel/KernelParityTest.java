package dev.braid.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.tensor.Activation;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every kernel in both forms against a scalar double reference, over odd sizes, dense and in windows; memory beside the
 * output must stay as it was.
 */
class KernelParityTest {
    /** Float32 sums of up to 2048 products of unit normals over the square root of their number; the worst seen is 4e-6. */
    private static final double TOLERANCE = 2e-5;

    /** M, K, N. */
    private static final int[][] LINEAR_SIZES = {
        {1, 1, 1}, {3, 7, 13}, {16, 13, 81}, {81, 207, 3}, {128, 768, 207}, {207, 81, 768}, {48, 2048, 256}
    };

    private static final float GUARD = 12345.5f;
    private final Random random = new Random(7);

    static Stream<KernelLibrary> libraries() {
        return Stream.of(KernelLibrary.oneDnn(), KernelLibrary.portable());
    }

    /** Every activation, and null for none. */
    private static Stream<Activation> activations() {
        return Stream.concat(Stream.of((Activation) null), Stream.of(Activation.values()));
    }

    static Stream<Arguments> linearSizes() {
        return libraries()
                .flatMap(library -> Stream.of(LINEAR_SIZES)
                        .flatMap(size -> activations()
                                .map(activation -> Arguments.of(library, size[0], size[1], size[2], activation))));
    }

    static Stream<Arguments> linearAddSizes() {
        return linearSizes()
                .filter(arguments -> arguments.get()[4] == null)
                .map(arguments -> Arguments.of(Arrays.copyOf(arguments.get(), 4)));
    }

    @ParameterizedTest(name = "{0} [{1}, {2}] -> {3} {4}")
    @MethodSource("linearSizes")
    void linearEqualsTheReference(KernelLibrary library, int rows, int inputs, int outputs, Activation activation) {
        double[][] x = normal(rows, inputs, 1);
        double[][] w = normal(outputs, inputs, 1 / Math.sqrt(inputs));
        double[][] b = normal(1, outputs, 1);
        Window out = new Window(rows, outputs);
        try (Kernels kernels = open(library);
                PackedLinear packed = library.pack(dense(w), dense(b))) {
            kernels.linear(out.matrix, window(x), packed, activation);
        }
        double[][] expected = ScalarReference.linear(x, w, b[0]);
        for (double[] row : expected) {
            for (int c = 0; c < outputs; c++) {
                row[c] = ScalarReference.activate(row[c], activation);
            }
        }
        out.assertHolds(expected);
    }

    @ParameterizedTest(name = "{0} [{1}, {2}] -> {3}")
    @MethodSource("linearAddSizes")
    void linearAddEqualsTheReference(KernelLibrary library, int rows, int inputs, int outputs) {
        double[][] x = normal(rows, inputs, 1);
        double[][] w = normal(outputs, inputs, 1 / Math.sqrt(inputs));
        double[][] b = normal(1, outputs, 1);
        double[][] residual = normal(rows, outputs, 1);
        Window sum = new Window(residual);
        try (Kernels kernels = open(library);
                PackedLinear packed = library.pack(dense(w), dense(b))) {
            kernels.linearAdd(sum.matrix, window(x), packed);
        }
        sum.assertHolds(ScalarReference.add(residual, ScalarReference.linear(x, w, b[0])));
    }

    static Stream<Arguments> roundedSizes() {
        return Stream.of(LINEAR_SIZES)
                .flatMap(size -> activations().map(activation -> Arguments.of(size[0], size[1], size[2], activation)));
    }

    /** Products of rounded operands are exact in float32: nothing but their sum, bias and activation differs. */
    @ParameterizedTest(name = "[{0}, {1}] -> {2} {3}")
    @MethodSource("roundedSizes")
    void bfloat16LinearEqualsTheReferenceOnRoundedOperands(int rows, int inputs, int outputs, Activation activation) {
        assertLinear(Bfloat16.library(), Bfloat16::nearest, rows, inputs, outputs, activation);
    }

    /** Sums of integers are exact: nothing but two scales, the bias and the activation differs. */
    @ParameterizedTest(name = "[{0}, {1}] -> {2} {3}")
    @MethodSource("roundedSizes")
    void int8LinearEqualsTheReferenceOnRoundedOperands(int rows, int inputs, int outputs, Activation activation) {
        assertLinear(Int8.library(), Int8::nearest, rows, inputs, outputs, activation);
    }

    /** @param rounded the operands as the library multiplies them */
    private void assertLinear(
            KernelLibrary library,
            UnaryOperator<double[][]> rounded,
            int rows,
            int inputs,
            int outputs,
            Activation activation) {
        double[][] x = normal(rows, inputs, 1);
        double[][] w = normal(outputs, inputs, 1 / Math.sqrt(inputs));
        double[][] b = normal(1, outputs, 1);
        double[][] residual = normal(rows, outputs, 1);
        Window out = new Window(rows, outputs);
        Window sum = new Window(residual);
        try (Kernels kernels = open(library);
                PackedLinear packed = library.pack(dense(w), dense(b))) {
            kernels.linear(out.matrix, window(x), packed, activation);
            kernels.linearAdd(sum.matrix, window(x), packed);
        }
        double[][] expected = ScalarReference.linear(rounded.apply(x), rounded.apply(w), b[0]);
        sum.assertHolds(ScalarReference.add(residual, expected));
        for (double[] row : expected) {
            Arrays.setAll(row, c -> ScalarReference.activate(row[c], activation));
        }
        out.assertHolds(expected);
    }

    static Stream<Arguments> normSizes() {
        int[][] sizes = {{1, 1}, {3, 7}, {13, 81}, {81, 207}, {128, 768}};
        return libraries().flatMap(library -> Stream.of(sizes).map(size -> Arguments.of(library, size[0], size[1])));
    }

    @ParameterizedTest(name = "{0} [{1}, {2}]")
    @MethodSource("normSizes")
    void layerNormEqualsTheReferenceAlsoInPlace(KernelLibrary library, int rows, int columns) {
        double[][] x = normal(rows, columns, 3);
        double[][] scale = normal(1, columns, 1);
        double[][] shift = normal(1, columns, 1);
        double[][] expected = ScalarReference.layerNorm(x, scale[0], shift[0], 1e-5);
        Window out = new Window(rows, columns, 0);
        Window inPlace = new Window(rows, columns, 0);
        fill(inPlace.matrix, x);
        try (Kernels kernels = open(library)) {
            Norm norm = new Norm(dense(scale), dense(shift), 1e-5f);
            kernels.norm(out.matrix, dense(x), norm);
            kernels.norm(inPlace.matrix, inPlace.matrix, norm);
        }
        out.assertHolds(expected);
        inPlace.assertHolds(expected);
    }

    @ParameterizedTest(name = "{0} [{1}, {2}]")
    @MethodSource("normSizes")
    void rmsNormEqualsTheReferenceAlsoInPlace(KernelLibrary library, int rows, int columns) {
        double[][] x = normal(rows, columns, 3);
        for (double[] row : x) {
            Arrays.setAll(row, c -> (float) (row[c] + 2)); // a mean that an RMSNorm keeps
        }
        double[][] scale = normal(1, columns, 1);
        double[][] expected = ScalarReference.rmsNorm(x, scale[0], 0.5);
        Window out = new Window(rows, columns, 0);
        Window inPlace = new Window(rows, columns, 0);
        fill(inPlace.matrix, x);
        try (Kernels kernels = open(library)) {
            Norm norm = new Norm(dense(scale), null, 0.5f);
            kernels.norm(out.matrix, dense(x), norm);
            kernels.norm(inPlace.matrix, inPlace.matrix, norm);
            // The same sizes and epsilon: another primitive all the same.
            kernels.norm(inPlace.matrix, dense(x), new Norm(dense(scale), dense(scale), 0.5f));
            kernels.norm(inPlace.matrix, dense(x), norm);
        }
        out.assertHolds(expected);
        inPlace.assertHolds(expected);
    }

    @ParameterizedTest(name = "{0} [{1}, {2}]")
    @MethodSource("normSizes")
    void multiplyEqualsTheReference(KernelLibrary library, int rows, int columns) {
        double[][] a = normal(rows, columns, 1);
        double[][] b = normal(rows, columns, 1);
        Window product = new Window(a);
        try (Kernels kernels = open(library)) {
            kernels.add(new Window(a).matrix, window(b)); // the same sizes: another primitive all the same
            kernels.multiply(product.matrix, window(b));
        }
        product.assertHolds(ScalarReference.multiply(a, b));
    }

    @ParameterizedTest(name = "{0} [{1}, {2}]")
    @MethodSource("normSizes")
    void scaleEqualsTheReference(KernelLibrary library, int rows, int columns) {
        double[][] a = normal(rows, columns, 1);
        Window product = new Window(a);
        try (Kernels kernels = open(library)) {
            kernels.scale(product.matrix, 1f / 3);
        }
        double[][] factor = new double[rows][columns];
        for (double[] row : factor) {
            Arrays.fill(row, 1f / 3);
        }
        product.assertHolds(ScalarReference.multiply(a, factor));
    }

    @ParameterizedTest(name = "{0} [{1}, {2}]")
    @MethodSource("normSizes")
    void activatedScaledAndMixedRowsEqualTheReference(KernelLibrary library, int rows, int columns) {
        double[][] x = normal(rows, columns, 3);
        double[][] other = normal(rows, columns, 1);
        double[][] gate = normal(rows, columns, 1);
        double[][] scale = normal(1, columns, 1);
        double[][] shift = normal(1, columns, 1);
        Window scaled = new Window(x);
        Window mixed = new Window(x);
        double[][] expectedScaled = new double[rows][columns];
        double[][] expectedMixed = new double[rows][columns];
        for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
                expectedScaled[r][c] = x[r][c] * scale[0][c] + shift[0][c];
                expectedMixed[r][c] = gate[r][c] * x[r][c] + (1 - gate[r][c]) * other[r][c];
            }
        }
        try (Kernels kernels = open(library)) {
            kernels.scaleAndShift(scaled.matrix, dense(scale), dense(shift));
            kernels.mix(mixed.matrix, window(gate), window(other));
            for (Activation activation : Activation.values()) {
                Window activated = new Window(x);
                kernels.activate(activated.matrix, activation);
                activated.assertHolds(Arrays.stream(x)
                        .map(row -> Arrays.stream(row)
                                .map(value -> ScalarReference.activate(value, activation))
                                .toArray())
                        .toArray(double[][]::new));
            }
        }
        scaled.assertHolds(expectedScaled);
        mixed.assertHolds(expectedMixed);
    }

    @ParameterizedTest(name = "{0} [{1}, {2}]")
    @MethodSource("normSizes")
    void softmaxAndWeightedSumEqualTheReference(KernelLibrary library, int rows, int columns) {
        double[][] x = normal(rows, columns, 3);
        double[][] other = normal(rows, columns, 1);
        double[][] weights = normal(rows, 2, 1);
        Window softmax = new Window(x);
        Window sum = new Window(other);
        double[][] expectedSoftmax = new double[rows][columns];
        double[][] expectedSum = new double[rows][columns];
        for (int r = 0; r < rows; r++) {
            double exponentials = Arrays.stream(x[r]).map(Math::exp).sum();
            for (int c = 0; c < columns; c++) {
                expectedSoftmax[r][c] = Math.exp(x[r][c]) / exponentials;
                expectedSum[r][c] = weights[r][0] * x[r][c] + weights[r][1] * other[r][c];
            }
        }
        try (Kernels kernels = open(library)) {
            kernels.softmax(softmax.matrix);
            kernels.weightedSum(sum.matrix, List.of(window(x), window(other)), window(weights));
        }
        softmax.assertHolds(expectedSoftmax);
        sum.assertHolds(expectedSum);
    }

    static Stream<Arguments> rotationSizes() {
        int[][] sizes = {{1, 1, 2}, {3, 5, 6}, {81, 8, 32}, {17, 12, 64}};
        return libraries()
                .flatMap(library -> Stream.of(sizes).map(size -> Arguments.of(library, size[0], size[1], size[2])));
    }

    @ParameterizedTest(name = "{0} {1} tokens of {2} heads of {3}")
    @MethodSource("rotationSizes")
    void rotationEqualsTheReferenceAndLeavesFurtherRows(KernelLibrary library, int rows, int heads, int headSize) {
        double[][] x = normal(rows + 2, heads * headSize, 1);
        int[] positions = random.ints(rows, 0, 40).toArray();
        double[][] angles = new double[40][headSize];
        for (int position = 0; position < angles.length; position++) {
            for (int i = 0; i < headSize / 2; i++) {
                double angle = position * Math.pow(100, -2.0 * i / headSize);
                angles[position][i] = (float) Math.cos(angle);
                angles[position][headSize / 2 + i] = (float) Math.sin(angle);
            }
        }
        Window tokens = new Window(x);
        try (Kernels kernels = open(library)) {
            kernels.rotate(tokens.matrix, window(angles), i -> positions[i], rows);
        }
        for (int row = 0; row < rows; row++) {
            x[row] = ScalarReference.rotate(x[row], headSize, false, 100, positions[row]);
        }
        tokens.assertHolds(x);
    }

    @ParameterizedTest(name = "{0} [{1}, {2}]")
    @MethodSource("normSizes")
    void addEqualsTheReference(KernelLibrary library, int rows, int columns) {
        double[][] a = normal(rows, columns, 1);
        double[][] b = normal(rows, columns, 1);
        Window sum = new Window(a);
        try (Kernels kernels = open(library)) {
            kernels.add(sum.matrix, window(b));
        }
        sum.assertHolds(ScalarReference.add(a, b));
    }

    @ParameterizedTest
    @MethodSource("libraries")
    void rowsAreCopiedInOrderAlsoWithinAMatrix(KernelLibrary library) {
        double[][] x = normal(7, 13, 1);
        int[] from = {1, 1, 4, 6};
        Window out = new Window(new double[5][13]);
        Window inPlace = new Window(x);
        try (Kernels kernels = open(library)) {
            kernels.copyRows(out.matrix, i -> 4 - i, window(x), i -> from[i], 4);
            kernels.copyRows(inPlace.matrix, i -> i, inPlace.matrix, i -> from[i], 4);
        }
        out.assertHolds(new double[][] {new double[13], x[6], x[4], x[1], x[1]});
        // Row 1 was overwritten with itself before it was read again.
        inPlace.assertHolds(new double[][] {x[1], x[1], x[4], x[6], x[4], x[5], x[6]});
    }

    @ParameterizedTest
    @MethodSource("libraries")
    void rowsOfATableAreAdded(KernelLibrary library) {
        double[][] table = normal(7, 13, 1);
        double[][] a = normal(5, 13, 1);
        int[] from = {3, 3, 0, 6};
        Window sum = new Window(a);
        try (Kernels kernels = open(library)) {
            kernels.addRows(sum.matrix, window(table), i -> from[i], 4);
        }
        double[][] added = {table[3], table[3], table[0], table[6], new double[13]};
        sum.assertHolds(ScalarReference.add(a, added));
    }

    private static Kernels open(KernelLibrary library) {
        Kernels kernels = library.open();
        kernels.bindThread();
        return kernels;
    }

    private double[][] normal(int rows, int columns, double deviation) {
        double[][] values = new double[rows][columns];
        for (double[] row : values) {
            for (int c = 0; c < columns; c++) {
                row[c] = (float) (random.nextGaussian() * deviation);
            }
        }
        return values;
    }

    private static Matrix dense(double[][] values) {
        Matrix matrix = Matrix.allocate(values.length, values[0].length);
        fill(matrix, values);
        return matrix;
    }

    private static Matrix window(double[][] values) {
        return new Window(values).matrix;
    }

    private static void fill(Matrix matrix, double[][] values) {
        FloatBuffer buffer = matrix.buffer();
        for (int r = 0; r < values.length; r++) {
            for (int c = 0; c < values[r].length; c++) {
                buffer.put(r * matrix.stride() + c, (float) values[r][c]);
            }
        }
    }

    /** A matrix in the middle of a larger one that is filled with guards. */
    private static final class Window {
        private static final int MARGIN = 5;

        private final Matrix all;
        private final Matrix matrix;
        private final int margin;

        Window(int rows, int columns) {
            this(rows, columns, MARGIN);
        }

        /** With so many guards beside each row; there are always some above and below. */
        Window(int rows, int columns, int margin) {
            this.margin = margin;
            all = Matrix.allocate(rows + 2 * MARGIN, columns + 2 * margin);
            FloatBuffer buffer = all.buffer();
            for (int i = 0; i < buffer.capacity(); i++) {
                buffer.put(i, GUARD);
            }
            matrix = all.rows(MARGIN, rows).columns(margin, columns);
        }

        Window(double[][] values) {
            this(values.length, values[0].length);
            fill(matrix, values);
        }

        void assertHolds(double[][] expected) {
            FloatBuffer buffer = all.buffer();
            for (int i = 0; i < buffer.capacity(); i++) {
                int row = i / all.columns() - MARGIN;
                int column = i % all.columns() - margin;
                boolean inside = row >= 0 && row < matrix.rows() && column >= 0 && column < matrix.columns();
                double want = inside ? expected[row][column] : GUARD;
                double limit = inside ? TOLERANCE * Math.max(1, Math.abs(want)) : 0;
                if (!(Math.abs(buffer.get(i) - want) <= limit)) {
                    assertThat((double) buffer.get(i))
                            .as("element (%d, %d) of %s", row, column, matrix)
                            .isEqualTo(want);
                }
            }
        }
    }
}
