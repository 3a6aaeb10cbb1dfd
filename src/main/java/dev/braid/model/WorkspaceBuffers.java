package dev.braid.model;

import dev.braid.batch.FeatureBlock;
import dev.braid.kernel.KernelLibrary;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import java.util.ArrayList;
import java.util.List;

/**
 * Every matrix of one workspace, allocated once; {@link WorkspaceShapes} says how large they are. Those that only linear maps and
 * attention read have the form that the kernels prefer: {@link KernelLibrary#operand}.
 */
final class WorkspaceBuffers implements AutoCloseable {
    private final List<Matrix> all = new ArrayList<>();
    private final List<Matrix> features = new ArrayList<>();
    /** Null for a modality without token ids. */
    private final List<Matrix> words = new ArrayList<>();

    private final List<StreamBuffers> streams = new ArrayList<>();
    private final Matrix queryKeyValue;
    private final Matrix pooled;
    private final Matrix context;
    private final Matrix attentionScratch;
    private final Matrix products;
    private final Matrix intermediate;
    /** Null where no feed-forward has a gate. */
    private final Matrix up;

    /** Of each step of a model of vectors but the last one. */
    private final List<Matrix> vectors = new ArrayList<>();

    /**
     * Those of one stream (N token budget, B tokens of a block, D the stream's hidden size).
     *
     * @param hidden [N, D]
     * @param projected [B, D]
     * @param boxes [B, D]
     * @param normed [B, D], an operand, in the memory of {@code boxes}
     */
    record StreamBuffers(Matrix hidden, Matrix projected, Matrix boxes, Matrix normed) {}

    /** Allocates all; if that fails, it leaves nothing open. */
    WorkspaceBuffers(WorkspaceShapes shapes, KernelLibrary library) {
        try {
            shapes.features().forEach(size -> features.add(allocate(size)));
            shapes.words().forEach(size -> words.add(size == null ? null : allocate(size)));
            for (WorkspaceShapes.StreamSizes sizes : shapes.streams()) {
                Matrix boxes = allocate(sizes.normed());
                streams.add(new StreamBuffers(
                        allocate(sizes.hidden()), allocate(sizes.projected()), boxes, library.operand(boxes)));
            }
            this.queryKeyValue = library.operand(allocate(shapes.queryKeyValue()));
            this.pooled = allocate(shapes.context());
            this.context = library.operand(pooled);
            this.attentionScratch = allocate(shapes.attention());
            this.products = allocate(shapes.intermediate());
            this.intermediate = library.operand(products);
            this.up = shapes.up() == null ? null : library.operand(allocate(shapes.up()));
            shapes.vectors().forEach(size -> vectors.add(allocate(size)));
        } catch (RuntimeException | Error failure) {
            close();
            throw failure;
        }
    }

    private Matrix allocate(WorkspaceShapes.Size size) {
        Matrix matrix = Matrix.allocate(Math.toIntExact(size.rows()), Math.toIntExact(size.columns()));
        all.add(matrix);
        return matrix;
    }

    /** [128, K]: the block of features of one modality, or of its token ids. */
    Matrix features(int modality) {
        return features.get(modality);
    }

    /** Where a batch collects the features of each modality. */
    List<FeatureBlock> featureBlocks() {
        List<FeatureBlock> blocks = new ArrayList<>();
        for (Matrix matrix : features) {
            blocks.add(new FeatureBlock(blocks.size(), matrix.buffer(), matrix.rows()));
        }
        return blocks;
    }

    /** [128, size of a word embedding]: those of a block of token ids; only for a modality that has them. */
    Matrix words(int modality) {
        return words.get(modality);
    }

    StreamBuffers stream(int index) {
        return streams.get(index);
    }

    /** [N, 3 D of the widest stream]: queries, keys and values side by side, in the first columns. */
    Matrix queryKeyValue() {
        return queryKeyValue;
    }

    /** [N, D]: what attention found, heads side by side. */
    Matrix context(int columns) {
        return columns(context, columns);
    }

    /** [N, D]: the pooler's vectors, row after row. The same memory as the context, which no step reads after the last layer. */
    Matrix pooled(int columns) {
        return columns(pooled, columns);
    }

    private static Matrix columns(Matrix matrix, int columns) {
        return columns == matrix.columns() ? matrix : matrix.columns(0, columns);
    }

    /** Scratch memory of {@link Kernels#attention}. */
    Matrix attentionScratch() {
        return attentionScratch;
    }

    /** [128, columns]: between the Linears of a feed-forward. */
    Matrix intermediate(int columns) {
        return columns(intermediate, columns);
    }

    /** [128, columns]: the products of a bilinear map. The same memory as the intermediate, which vectors do not have. */
    Matrix products(int columns) {
        return columns(products, columns);
    }

    /** [128, columns]: what the gate of a feed-forward is multiplied with; only where one has a gate. */
    Matrix up(int columns) {
        return columns(up, columns);
    }

    /** How many steps of a model of vectors have a matrix of their own: all but the last one. */
    int vectorSteps() {
        return vectors.size();
    }

    /** [128, D]: a block of vectors of one step of a model of vectors, not of the last one. */
    Matrix vector(int step) {
        return vectors.get(step);
    }

    @Override
    public void close() {
        all.forEach(Matrix::close);
    }
}
