package dev.braid.kernel;

import static org.bytedeco.dnnl.global.dnnl.*;

import dev.braid.kernel.OneDnnPrimitive.Argument;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.dnnl.dnnl_memory_desc;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;

/**
 * The two compiled products and the compiled softmax of an {@link AttentionTile}, and its tensors in scratch memory.
 * With R rows and h heads at once: scores [R, h, Q, S] from queries [R, h, Q, D/H] and keys [R, h, D/H, S], plus the
 * mask [S]; their softmax in place, then rounded if the operands are bfloat16; and the context [R, h, Q, D/H] with
 * values [R, h, S, D/H]. The scores are dense because oneDNN's softmax is fast only on dense tensors. The mask costs
 * nothing because it is the bias of the first product.
 */
final class OneDnnTile implements AutoCloseable {
    private final AttentionTile sizes;
    private final List<OneDnnPrimitive> compiled = new ArrayList<>();
    private final OneDnnPrimitive toScores;
    private final OneDnnPrimitive toSoftmax;
    /** Rounds the softmax to bfloat16; null if the operands are float32. */
    private final OneDnnPrimitive toRounded;

    private final OneDnnPrimitive toContext;
    /** The bytes of one token of zeros. */
    private final byte[] zeros;
    /** The memory of the tensors. */
    private Matrix scratch;

    private ByteBuffer memory;
    /**
     * For each step of {@code headsAtOnce} heads, where the keys of its first head begin; likewise for values, queries
     * and context.
     */
    private final Pointer[] key;

    private final Pointer[] value;
    private final Pointer[] query;
    private final Pointer[] context;
    private Pointer scores;
    private Pointer mask;
    private Pointer softmax;
    /** The floats from the first score on, for a reader of the softmax. */
    private FloatBuffer weights;

    OneDnnTile(AttentionTile sizes, OneDnnStream oneDnn) {
        this.sizes = sizes;
        this.zeros = new byte[sizes.hiddenSize() * sizes.elementBytes()];
        int steps = sizes.heads() / sizes.headsAtOnce();
        this.key = new Pointer[steps];
        this.value = new Pointer[steps];
        this.query = new Pointer[steps];
        this.context = new Pointer[steps];
        int rows = sizes.rows();
        int heads = sizes.headsAtOnce();
        int headSize = sizes.headSize();
        int queries = sizes.queries();
        int keys = sizes.keys();
        int width = sizes.hiddenSize();
        long ofHead = (long) queries * keys;
        int type = OneDnn.type(sizes.bfloat16());
        try (Descriptors descriptors = new Descriptors()) {
            dnnl_memory_desc query = descriptors.strided(
                    type, new long[] {rows, heads, queries, headSize}, (long) queries * width, headSize, width, 1);
            dnnl_memory_desc key = descriptors.strided(
                    type, new long[] {rows, heads, headSize, keys}, (long) keys * width, headSize, 1, width);
            dnnl_memory_desc value = descriptors.strided(
                    type, new long[] {rows, heads, keys, headSize}, (long) keys * width, headSize, width, 1);
            dnnl_memory_desc scores =
                    descriptors.strided(new long[] {rows, heads, queries, keys}, heads * ofHead, ofHead, keys, 1);
            dnnl_memory_desc softmax =
                    descriptors.strided(type, new long[] {rows, heads, queries, keys}, heads * ofHead, ofHead, keys, 1);
            dnnl_memory_desc mask = descriptors.strided(new long[] {1, 1, 1, keys}, keys, keys, keys, 1);
            compiled.add(oneDnn.compile(
                    "matmul_primitive_desc_create",
                    (descriptor, engine, attributes) ->
                            dnnl_matmul_primitive_desc_create(descriptor, engine, query, key, mask, scores, attributes),
                    new Argument(DNNL_ARG_DST, scores),
                    new Argument(DNNL_ARG_SRC, query),
                    new Argument(DNNL_ARG_WEIGHTS, key),
                    new Argument(DNNL_ARG_BIAS, mask)));
            compiled.add(oneDnn.compile(
                    "softmax_forward_primitive_desc_create",
                    (descriptor, engine, attributes) -> dnnl_softmax_forward_primitive_desc_create(
                            descriptor,
                            engine,
                            dnnl_forward_inference,
                            dnnl_softmax_accurate,
                            scores,
                            scores,
                            3,
                            attributes),
                    new Argument(DNNL_ARG_DST, scores),
                    new Argument(DNNL_ARG_SRC, scores)));
            compiled.add(oneDnn.compile(
                    "matmul_primitive_desc_create",
                    (descriptor, engine, attributes) -> dnnl_matmul_primitive_desc_create(
                            descriptor, engine, softmax, value, null, query, attributes),
                    new Argument(DNNL_ARG_DST, query),
                    new Argument(DNNL_ARG_SRC, softmax),
                    new Argument(DNNL_ARG_WEIGHTS, value)));
            if (sizes.bfloat16()) {
                compiled.add(oneDnn.compileReorder(scores, softmax));
            }
        } catch (RuntimeException | Error failure) {
            close();
            throw failure;
        }
        this.toScores = compiled.get(0);
        this.toSoftmax = compiled.get(1);
        this.toContext = compiled.get(2);
        this.toRounded = sizes.bfloat16() ? compiled.get(3) : null;
    }

    /** Places the tensors in a scratch matrix of one row, unless they are already there. */
    void bind(Matrix matrix) {
        if (matrix == scratch) {
            return;
        }
        memory = matrix.bytes();
        for (int step = 0; step < key.length; step++) {
            int head = step * sizes.headsAtOnce() * sizes.headSize() * sizes.elementBytes();
            key[step] = from(matrix, head);
            value[step] = from(matrix, sizes.value() + head);
            query[step] = from(matrix, sizes.query() + head);
            context[step] = from(matrix, sizes.context() + head);
        }
        scores = from(matrix, sizes.scores());
        mask = from(matrix, sizes.mask());
        softmax = from(matrix, sizes.softmax());
        int firstScore = sizes.scores() / Float.BYTES;
        weights = matrix.buffer().slice(firstScore, matrix.columns() - firstScore);
        scratch = matrix;
    }

    private static Pointer from(Matrix matrix, int firstByte) {
        return new BytePointer(matrix.pointer()).getPointer(firstByte);
    }

    /**
     * Copies a row's keys and values into the tile. Sets the rest of the row to zeros, and masks it so that it gets no
     * weight.
     *
     * @param copies how many query heads share a head of keys and values; the tile has this many copies of each
     */
    void fillKeys(int row, MatrixRows keys, MatrixRows values, int first, int count, int copies) {
        int start = row * sizes.keys() * zeros.length;
        keys.copyHeadsTo(memory, start, first, count, sizes.headSize(), copies);
        values.copyHeadsTo(memory, sizes.value() + start, first, count, sizes.headSize(), copies);
        for (int k = count; k < sizes.keys(); k++) {
            // The rest may hold an infinity of another row, and infinity * 0 is NaN.
            memory.put(start + k * zeros.length, zeros);
            memory.put(sizes.value() + start + k * zeros.length, zeros);
        }
        for (int k = 0; k < sizes.keys(); k++) {
            memory.putFloat(sizes.mask() + k * Float.BYTES, k < count ? 0f : Float.NEGATIVE_INFINITY);
        }
    }

    /** Copies queries into the tile. */
    void fillQueries(int row, MatrixRows queries, int first, int count) {
        queries.copyTo(memory, sizes.query() + row * sizes.queries() * zeros.length, first, count);
    }

    /** Copies the context of these queries out of the tile. */
    void copyContext(int row, MatrixRows out, int first, int count) {
        out.copyFrom(memory, sizes.context() + row * sizes.queries() * zeros.length, first, count);
    }

    /**
     * Computes scores, softmax and context.
     *
     * @param rowNumbers the row numbers to pass to the reader
     * @param count the number of queries per row
     * @param reader receives the softmax, or null
     */
    void run(OneDnnStream oneDnn, int[] rowNumbers, int count, SoftmaxReader reader) {
        for (int step = 0; step < key.length; step++) {
            oneDnn.run(toScores, scores, query[step], key[step], mask);
            oneDnn.run(toSoftmax, scores, scores);
            if (toRounded != null) {
                oneDnn.run(toRounded, softmax, scores);
            }
            oneDnn.run(toContext, context[step], softmax, value[step]);
            if (reader != null) {
                readSoftmax(rowNumbers, count, reader);
            }
        }
    }

    private void readSoftmax(int[] rowNumbers, int count, SoftmaxReader reader) {
        for (int head = 0; head < sizes.rows() * sizes.headsAtOnce(); head++) {
            for (int q = 0; q < count; q++) {
                int first = (head * sizes.queries() + q) * sizes.keys();
                reader.read(rowNumbers[head / sizes.headsAtOnce()], weights, first);
            }
        }
    }

    @Override
    public void close() {
        compiled.forEach(OneDnnPrimitive::close);
    }
}
