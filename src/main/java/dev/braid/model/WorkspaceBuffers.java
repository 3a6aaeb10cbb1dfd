package dev.braid.model;

import dev.braid.batch.FeatureBlock;
import dev.braid.kernel.KernelLibrary;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import java.util.ArrayList;
import java.util.List;

/**
 * Every matrix of one workspace, allocated once; {@link WorkspaceShapes} gives the sizes. Matrices that only linear
 * maps and attention read may be bfloat16: see {@link KernelLibrary#operand}.
 */
final class WorkspaceBuffers implements AutoCloseable {
    private final List<Matrix> all = new ArrayList<>();
    private final List<Matrix> features = new ArrayList<>();
    /** Holds null for a modality without token ids. */
    private final List<Matrix> words = new ArrayList<>();

    private final List<StreamBuffers> streams = new ArrayList<>();
    private final Matrix queryKeyValue;
    private final Matrix pooled;
    private final Matrix context;
    private final Matrix attentionScratch;
    private final Matrix products;
    private final Matrix intermediate;
    /** Null if no feed-forward has a gate. */
    private final Matrix up;

    /** The vectors of each step of a model of one vector per modality, except for the last step. */
    private final List<Matrix> vectors = new ArrayList<>();

    /**
     * The matrices of one stream (N token budget, B tokens of a block, D the stream's hidden size).
     *
     * @param hidden [N, D]
     * @param projected [B, D]
     * @param boxes [B, D]
     * @param normed [B, D], an operand, in the memory of {@code boxes}
     */
    record StreamBuffers(Matrix hidden, Matrix projected, Matrix boxes, Matrix normed) {}

    /** Allocates all matrices; if that fails, it leaves none open. */
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

    /**
     * [128, size of a word embedding]: the word embeddings of a block of token ids; null for a modality of features.
     */
    Matrix words(int modality) {
        return words.get(modality);
    }

    StreamBuffers stream(int index) {
        return streams.get(index);
    }

    /** [N, D + 2 G of the widest stack]: queries, keys and values side by side, in the first columns. */
    Matrix queryKeyValue() {
        return queryKeyValue;
    }

    /** [N, D]: the output of attention, heads side by side. */
    Matrix context(int columns) {
        return columns(context, columns);
    }

    /**
     * [N, D]: the pooler's vectors, row after row. The same memory as the context, which no step reads after the last
     * layer.
     */
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

    /** [128, columns]: the numbers between the Linears of a feed-forward. */
    Matrix intermediate(int columns) {
        return columns(intermediate, columns);
    }

    /**
     * [128, columns]: the products of a bilinear map. It shares its memory with the intermediate: a model of one vector
     * per modality has no feed-forward.
     */
    Matrix products(int columns) {
        return columns(products, columns);
    }

    /** [128, columns]: what the gate of a feed-forward is multiplied by. Only if some feed-forward has a gate. */
    Matrix up(int columns) {
        return columns(up, columns);
    }

    /** How many steps of a model of one vector per modality have their own matrix: all but the last one. */
    int vectorSteps() {
        return vectors.size();
    }

    /** [128, D]: a block of vectors of one step of a model of one vector per modality, but not of the last step. */
    Matrix vector(int step) {
        return vectors.get(step);
    }

    @Override
    public void close() {
        all.forEach(Matrix::close);
    }
}
