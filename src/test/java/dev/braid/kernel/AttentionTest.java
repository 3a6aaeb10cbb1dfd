package dev.braid.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Attention in every form against a scalar double reference; with oneDNN, a row's bits next to other rows, whatever they hold. */
class AttentionTest {
    /** Of the context, by its own size, and of a softmax weight: scores of tens are rounded to float32 before their exponential. */
    private static final double TOLERANCE = 2e-5;

    /** Fills what no row owns, and must neither be read into a result nor change. */
    private static final float GUARD = Float.NaN;

    /** Queries, keys, heads, head size. */
    private static final int[][] SIZES = {
        {1, 1, 1, 1},
        {3, 3, 1, 7},
        {7, 13, 3, 13},
        {81, 81, 8, 32},
        {13, 207, 4, 5},
        {87, 261, 12, 64},
        {1, 1, 8, 32},
        {2, 2, 4, 64},
        {1, 2, 3, 7},
        {2, 1, 1, 5},
        {16, 16, 8, 96},
        {17, 17, 8, 128},
        {128, 128, 4, 64},
        {129, 129, 4, 64},
        {400, 400, 8, 32},
        {300, 2000, 2, 32},
        {1, 2000, 8, 128},
        {1, 17, 4, 96},
        {400, 2, 8, 96},
        {5, 400, 8, 128}
    };

    private final Random random = new Random(7);

    /** One row's operands. */
    @SuppressWarnings("ArrayRecordComponent") // never compared as a whole
    private record Row(double[][] query, double[][] key, double[][] value) {}

    /** One row's results: the softmax is [heads * queries][keys], in the order in which it was read. */
    @SuppressWarnings("ArrayRecordComponent") // never compared as a whole
    private record Result(float[][] context, List<float[]> softmax) {}

    static Stream<KernelLibrary> libraries() {
        return Stream.of(KernelLibrary.oneDnn(), KernelLibrary.portable());
    }

    static Stream<Arguments> sizes() {
        return libraries()
                .flatMap(library ->
                        Stream.of(SIZES).map(size -> Arguments.of(library, size[0], size[1], size[2], size[3])));
    }

    @ParameterizedTest(name = "{0} {1} queries, {2} keys, {3} heads of {4}")
    @MethodSource("sizes")
    void attentionEqualsTheReference(KernelLibrary library, int queries, int keys, int heads, int headSize) {
        Row row = row(queries, keys, heads * headSize);
        Result result = attend(library, List.of(row), heads).get(0);
        assertClose(result.context(), ScalarReference.attention(row.query(), row.key(), row.value(), heads));
    }

    static Stream<Arguments> groupedSizes() {
        // Queries, keys, query heads, heads of keys and values, head size.
        int[][] sizes = {
            {1, 1, 2, 1, 2},
            {2, 2, 6, 2, 5},
            {7, 13, 6, 2, 5},
            {3, 3, 8, 2, 32},
            {1, 261, 12, 4, 64},
            {87, 261, 12, 4, 64},
            {300, 300, 8, 1, 8}
        };
        return libraries()
                .flatMap(library -> Stream.of(sizes)
                        .map(size -> Arguments.of(library, size[0], size[1], size[2], size[3], size[4])));
    }

    @ParameterizedTest(name = "{0} {1} queries, {2} keys, {3} heads that read {4} of {5}")
    @MethodSource("groupedSizes")
    void groupedAttentionEqualsTheReference(
            KernelLibrary library, int queries, int keys, int heads, int keyHeads, int headSize) {
        Row row = new Row(
                normal(queries, heads * headSize),
                normal(keys, keyHeads * headSize),
                normal(keys, keyHeads * headSize));
        Result result = attend(library, List.of(row, row), heads).get(1);
        assertClose(result.context(), ScalarReference.attention(row.query(), row.key(), row.value(), heads));
    }

    static Stream<Arguments> bfloat16Sizes() {
        return Stream.of(SIZES).map(size -> Arguments.of(size[0], size[1], size[2], size[3]));
    }

    /** What is rounded beside the operands: softmax weights, by up to 2^-9 of each, and the context, by 2^-9 of it. */
    @ParameterizedTest(name = "{0} queries, {1} keys, {2} heads of {3}")
    @MethodSource("bfloat16Sizes")
    void bfloat16AttentionEqualsTheReferenceOnRoundedOperands(int queries, int keys, int heads, int headSize) {
        Row row = row(queries, keys, heads * headSize);
        Result result = attend(Bfloat16.library(), List.of(row), heads).get(0);
        Row rounded =
                new Row(Bfloat16.nearest(row.query()), Bfloat16.nearest(row.key()), Bfloat16.nearest(row.value()));
        double largest = Arrays.stream(rounded.value())
                .flatMapToDouble(Arrays::stream)
                .map(Math::abs)
                .max()
                .orElseThrow();
        double[][] expected = ScalarReference.attention(rounded.query(), rounded.key(), rounded.value(), heads);
        assertClose(result.context(), expected, 0x1p-8 * largest);
        assertSoftmax(result.softmax(), ScalarReference.softmax(rounded.query(), rounded.key(), heads));
    }

    @Test
    void aBfloat16RowHasTheSameBitsInEveryBatch() {
        sameBits(
                Bfloat16.library(),
                Arrays.stream(lengths())
                        .mapToObj(length -> row(length, length, 96))
                        .toList());
    }

    @Test
    void aGroupedBfloat16RowHasTheSameBitsInEveryBatch() {
        sameBits(
                Bfloat16.library(),
                Arrays.stream(lengths())
                        .mapToObj(length -> new Row(normal(1 + length / 2, 96), normal(length, 32), normal(length, 32)))
                        .toList());
    }

    @Test
    void aGroupedRowHasTheSameBitsInEveryBatch() {
        sameBits(Arrays.stream(lengths())
                .mapToObj(length -> new Row(normal(length, 96), normal(length, 32), normal(length, 32)))
                .toList());
    }

    private static void assertClose(float[][] got, double[][] expected) {
        assertClose(got, expected, TOLERANCE);
    }

    private static void assertClose(float[][] got, double[][] expected, double tolerance) {
        for (int q = 0; q < expected.length; q++) {
            for (int c = 0; c < expected[q].length; c++) {
                double limit = tolerance * Math.max(1, Math.abs(expected[q][c]));
                if (!(Math.abs(got[q][c] - expected[q][c]) <= limit)) {
                    fail("query %d, column %d: expected %s within %s, got %s", q, c, expected[q][c], limit, got[q][c]);
                }
            }
        }
    }

    /** Each head and query is read once, with its own weights. */
    @ParameterizedTest(name = "{0} {1} queries, {2} keys, {3} heads of {4}")
    @MethodSource("sizes")
    void theSoftmaxThatIsReadEqualsTheReference(KernelLibrary library, int queries, int keys, int heads, int headSize) {
        Row row = row(queries, keys, heads * headSize);
        List<float[]> read = attend(library, List.of(row), heads).get(0).softmax();
        assertSoftmax(read, ScalarReference.softmax(row.query(), row.key(), heads));
    }

    private static void assertSoftmax(List<float[]> read, double[][] expected) {
        int keys = expected[0].length;
        assertThat(read).hasSize(expected.length);
        // Sums over all heads and queries do not depend on the order, which is nobody's business.
        double[] sums = new double[keys];
        double[] expectedSums = new double[keys];
        for (int i = 0; i < expected.length; i++) {
            float sum = 0;
            for (int k = 0; k < keys; k++) {
                sum += read.get(i)[k];
                sums[k] += read.get(i)[k];
                expectedSums[k] += expected[i][k];
            }
            assertThat(sum).isCloseTo(1f, within((float) TOLERANCE));
        }
        for (int k = 0; k < keys; k++) {
            assertThat(sums[k]).isCloseTo(expectedSums[k], within(TOLERANCE * expected.length));
        }
    }

    @ParameterizedTest
    @MethodSource("libraries")
    void attentionSurvivesLogitsWhoseExponentialOverflows(KernelLibrary library) {
        Row row = new Row(
                new double[][] {{40}, {-40}}, new double[][] {{40}, {-40}, {10}}, new double[][] {{1}, {2}, {3}});
        assertThat(attend(library, List.of(row), 1).get(0).context()).isDeepEqualTo(new float[][] {{1}, {2}});
    }

    /** Lengths of one batch: enough equal short ones to be computed together, and long ones of one and several tiles. */
    private static int[] lengths() {
        return IntStream.concat(
                        IntStream.range(0, 60).map(i -> 1 + i % 3),
                        IntStream.of(5, 16, 17, 5, 31, 32, 33, 81, 96, 128, 129, 261, 400, 700))
                .toArray();
    }

    @Test
    void aRowHasTheSameBitsInEveryBatch() {
        List<Row> rows = new ArrayList<>(Arrays.stream(lengths())
                .mapToObj(length -> row(length, length, 96))
                .toList());
        sameBits(rows);
    }

    @Test
    void oneQueryOfEachRowHasTheSameBitsInEveryBatch() {
        sameBits(Arrays.stream(lengths()).mapToObj(length -> row(1, length, 96)).toList());
    }

    @Test
    void queriesOfAnotherNumberHaveTheSameBitsInEveryBatch() {
        sameBits(Arrays.stream(lengths())
                .mapToObj(length -> row(1 + random.nextInt(200), length, 96))
                .toList());
    }

    private void sameBits(List<Row> rows) {
        sameBits(KernelLibrary.oneDnn(), rows);
    }

    private void sameBits(KernelLibrary library, List<Row> rows) {
        List<Row> shuffled = new ArrayList<>(rows);
        Collections.shuffle(shuffled, random);
        List<Result> together = attend(library, shuffled, 3);
        assertSame(attend(library, shuffled, 3), together);
        for (int r = 0; r < shuffled.size(); r++) {
            assertSame(attend(library, List.of(shuffled.get(r)), 3), List.of(together.get(r)));
        }
    }

    /** A row whose values overflowed gets no numbers; its neighbours keep theirs. */
    @Test
    void aRowWithoutNumbersChangesNoOther() {
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            rows.add(row(1 + i % 7, 1 + i % 7, 64));
        }
        List<Result> before = attend(KernelLibrary.oneDnn(), rows, 2);
        for (int bad = 3; bad < 40; bad += 9) {
            Row row = rows.get(bad);
            for (double[][] operand : List.of(row.query(), row.key(), row.value())) {
                for (double[] token : operand) {
                    Arrays.fill(token, bad % 2 == 0 ? Double.NaN : Double.POSITIVE_INFINITY);
                }
            }
        }
        List<Result> after = attend(KernelLibrary.oneDnn(), rows, 2);
        for (int r = 0; r < rows.size(); r++) {
            if (r % 9 == 3) {
                assertThat(after.get(r).context()[0][0]).isNaN();
            } else {
                assertSame(List.of(after.get(r)), List.of(before.get(r)));
            }
        }
    }

    private static void assertSame(List<Result> got, List<Result> expected) {
        for (int r = 0; r < expected.size(); r++) {
            assertThat(got.get(r).context()).isDeepEqualTo(expected.get(r).context());
            assertThat(got.get(r).softmax().toArray(float[][]::new))
                    .isDeepEqualTo(expected.get(r).softmax().toArray(float[][]::new));
        }
    }

    /** The rows side by side, queries, keys and values in columns of one matrix with guards between and around them. */
    private static List<Result> attend(KernelLibrary library, List<Row> rows, int heads) {
        int width = rows.get(0).query()[0].length;
        int keyWidth = rows.get(0).key()[0].length;
        int[] firstQueries = offsets(rows.stream().mapToInt(row -> row.query().length));
        int[] firstKeys = offsets(rows.stream().mapToInt(row -> row.key().length));
        int queries = firstQueries[rows.size()];
        int keys = firstKeys[rows.size()];
        int longest = rows.stream()
                .mapToInt(row -> Math.max(row.query().length, row.key().length))
                .max()
                .orElseThrow();
        int height = Math.max(queries, keys);
        try (Matrix operands = guarded(library.operand(Matrix.allocate(height + 2, 3 * width + 4)));
                Matrix out = guarded(library.operand(Matrix.allocate(queries + 2, width + 2)));
                Matrix scratch =
                        guarded(Matrix.allocate(1, Math.toIntExact(Kernels.attentionScratch(width, heads, longest))));
                Kernels kernels = library.open()) {
            Matrix query = operands.rows(1, queries).columns(1, width);
            Matrix key = operands.rows(1, keys).columns(1 + width, keyWidth);
            Matrix value = operands.rows(1, keys).columns(2 + 2 * width, keyWidth);
            for (int r = 0; r < rows.size(); r++) {
                fill(query, firstQueries[r], rows.get(r).query());
                fill(key, firstKeys[r], rows.get(r).key());
                fill(value, firstKeys[r], rows.get(r).value());
            }
            List<List<float[]>> softmax =
                    rows.stream().<List<float[]>>map(row -> new ArrayList<>()).toList();
            kernels.bindThread();
            Attention attention = new Attention(
                    out.rows(1, queries).columns(1, width),
                    query,
                    key,
                    value,
                    new AttentionRows(rows.size(), r -> firstQueries[r], r -> firstKeys[r]),
                    heads,
                    (row, weights, first) -> {
                        float[] read = new float[rows.get(row).key().length];
                        weights.get(first, read);
                        softmax.get(row).add(read);
                    });
            kernels.attention(attention, scratch);
            List<Result> results = new ArrayList<>();
            for (int r = 0; r < rows.size(); r++) {
                float[][] context = new float[rows.get(r).query().length][width];
                for (int q = 0; q < context.length; q++) {
                    HostRows.of(out.columns(1, width)).read(1 + firstQueries[r] + q, context[q]);
                }
                results.add(new Result(context, softmax.get(r)));
            }
            assertGuarded(out);
            return results;
        }
    }

    private static int[] offsets(IntStream lengths) {
        int[] all = lengths.toArray();
        int[] offsets = new int[all.length + 1];
        for (int i = 0; i < all.length; i++) {
            offsets[i + 1] = offsets[i] + all[i];
        }
        return offsets;
    }

    private static Matrix guarded(Matrix matrix) {
        float[] guards = new float[matrix.columns()];
        Arrays.fill(guards, GUARD);
        for (int r = 0; r < matrix.rows(); r++) {
            HostRows.of(matrix).write(r, guards);
        }
        return matrix;
    }

    private static void assertGuarded(Matrix matrix) {
        float[] row = new float[matrix.columns()];
        for (int r = 0; r < matrix.rows(); r++) {
            HostRows.of(matrix).read(r, row);
            for (int c = 0; c < row.length; c++) {
                if (r == 0 || r == matrix.rows() - 1 || c == 0 || c == row.length - 1) {
                    assertThat(Float.isNaN(row[c]))
                            .as("guard of row %d, column %d", r, c)
                            .isTrue();
                }
            }
        }
    }

    private static void fill(Matrix matrix, int first, double[][] values) {
        float[] row = new float[matrix.columns()];
        for (int r = 0; r < values.length; r++) {
            for (int c = 0; c < row.length; c++) {
                row[c] = (float) values[r][c];
            }
            HostRows.of(matrix).write(first + r, row);
        }
    }

    private Row row(int queries, int keys, int width) {
        return new Row(normal(queries, width), normal(keys, width), normal(keys, width));
    }

    private double[][] normal(int rows, int columns) {
        double[][] values = new double[rows][columns];
        for (double[] row : values) {
            Arrays.setAll(row, c -> (float) random.nextGaussian());
        }
        return values;
    }
}
