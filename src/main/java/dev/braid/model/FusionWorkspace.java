package dev.braid.model;

import dev.braid.batch.Batch;
import dev.braid.batch.FeatureBlock;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.kernel.KernelLibrary;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Every buffer of one thread, sized once for a budget of N tokens: rows are packed into {@link #batch}, {@link
 * FusionModel#fuse} runs, and {@link #pooled} and {@link #tokens} read the result until the next row is packed. Used by
 * one thread at a time.
 *
 * <p>{@link WorkspaceShapes} says how large they are.
 */
public final class FusionWorkspace implements AutoCloseable {
    /** Bytes of attention compiled for one size. */
    private static final long COMPILED_SIZE = 2 << 20;

    private final ModelConfig config;
    private final List<Matrix> buffers;
    private final List<Matrix> features = new ArrayList<>();
    private final Matrix projected;
    private final Matrix hidden;
    private final Matrix normed;
    private final Matrix queryKeyValue;
    private final Matrix query;
    private final Matrix key;
    private final Matrix value;
    private final Matrix context;
    private final Matrix attentionScratch;
    private final Matrix intermediate;
    private final Kernels kernels;
    private final List<Projector> projectors;
    private final Batch batch;
    private Stopwatch stopwatch = new Stopwatch();
    private final FloatBuffer fused;
    /** Null where nobody asks for it. */
    private final AttentionShares attentionShares;

    private final Pooler pooler;
    private final boolean pooledOnly;
    /** Whether the hidden tokens are one per row, the pooled ones. */
    private boolean kept;

    /** Opens a workspace; if that fails, it leaves nothing open. */
    static FusionWorkspace open(
            ModelConfig config,
            KernelLibrary library,
            List<Projector> projectors,
            int maxTokens,
            Set<Readout> readouts) {
        FusionModel.check(config, maxTokens);
        List<Matrix> buffers = new ArrayList<>();
        try {
            return new FusionWorkspace(config, library, projectors, maxTokens, readouts, buffers);
        } catch (RuntimeException | Error failure) {
            buffers.forEach(Matrix::close);
            throw failure;
        }
    }

    private FusionWorkspace(
            ModelConfig config,
            KernelLibrary library,
            List<Projector> projectors,
            int maxTokens,
            Set<Readout> readouts,
            List<Matrix> buffers) {
        this.config = config;
        this.buffers = buffers;
        int hiddenSize = config.hiddenSize();
        WorkspaceShapes shapes = WorkspaceShapes.of(config, maxTokens);
        List<FeatureBlock> blocks = new ArrayList<>();
        for (WorkspaceShapes.Size size : shapes.features()) {
            Matrix matrix = allocate(size);
            blocks.add(new FeatureBlock(features.size(), matrix.buffer(), matrix.rows()));
            features.add(matrix);
        }
        this.projected = allocate(shapes.projected());
        this.hidden = allocate(shapes.hidden());
        this.normed = allocate(shapes.normed());
        this.queryKeyValue = allocate(shapes.queryKeyValue());
        this.query = queryKeyValue.columns(0, hiddenSize);
        this.key = queryKeyValue.columns(hiddenSize, hiddenSize);
        this.value = queryKeyValue.columns(2 * hiddenSize, hiddenSize);
        this.context = allocate(shapes.context());
        this.attentionScratch = allocate(shapes.attention());
        this.intermediate = allocate(shapes.intermediate());
        this.projectors = projectors;
        this.batch = new Batch(blocks, config.leadingTokens(), maxTokens, this::project);
        this.fused = hidden.buffer();
        this.attentionShares =
                readouts.contains(Readout.ATTENTION) ? new AttentionShares(config, batch, maxTokens) : null;
        this.pooler = new Pooler(hiddenSize);
        this.pooledOnly = readouts.isEmpty() && config.pooling().readsOneToken();
        this.kernels = library.open();
    }

    private Matrix allocate(WorkspaceShapes.Size size) {
        Matrix matrix = Matrix.allocate(Math.toIntExact(size.rows()), Math.toIntExact(size.columns()));
        buffers.add(matrix);
        return matrix;
    }

    /**
     * Bytes outside the Java heap of the buffers of one workspace. Its kernels hold scratch memory and compiled code beside
     * them.
     *
     * @param maxTokens as {@link FusionModel#check} allows
     */
    public static long nativeBytes(ModelConfig config, int maxTokens) {
        return WorkspaceShapes.of(config, maxTokens).bytes();
    }

    /** Bytes outside the Java heap of the kernels that a workspace compiles for rows of these lengths, in tokens, at most. */
    public static long compiledBytes(ModelConfig config, int shortest, int longest) {
        long kinds = config.pooling().readsOneToken() ? 2 : 1; // one token's attention is another size
        return kinds * Kernels.attentionSizes(shortest, longest) * COMPILED_SIZE;
    }

    /** Bytes of Java heap of one workspace. */
    public static long heapBytes(ModelConfig config, int maxTokens, Set<Readout> readouts) {
        long attention = readouts.contains(Readout.ATTENTION) ? AttentionShares.heapBytes(config, maxTokens) : 0;
        return attention + Batch.heapBytes(config.modalities().size(), config.leadingTokens(), maxTokens);
    }

    /** The rows to fuse, in order. */
    public Batch batch() {
        return batch;
    }

    /** Where the time of the thread that uses this workspace goes. */
    public Stopwatch stopwatch() {
        return stopwatch;
    }

    /** Another thread uses this workspace from now on, and this is where its time goes. */
    public void stopwatch(Stopwatch ofThread) {
        stopwatch = ofThread;
    }

    /** A row's fused tokens pooled to one vector [D], a fresh array. */
    public float[] pooled(int row) {
        float[] vector = new float[config.hiddenSize()];
        pooled(row, vector);
        return vector;
    }

    /** Writes a row's fused tokens, pooled to one vector [D], to {@code vector}. */
    public void pooled(int row, float[] vector) {
        int size = config.hiddenSize();
        if (config.pooling() == Pooling.POOLER) {
            context.buffer().get(row * size, vector);
        } else if (config.pooling().readsOneToken()) {
            fused.get(pooledToken(row) * size, vector);
        } else {
            pooler.pool(config.pooling(), fused, batch.firstToken(row), batch.tokens(row), vector);
        }
    }

    /**
     * The share of a row's attention that each group of its tokens receives, the mean over layers, heads and the row's
     * tokens as queries: first CLS, where the model has that token, then the modalities in token order; their sum is 1. Only
     * in a workspace that was made for it.
     */
    public float[] attention(int row) {
        return attentionShares.overall(row);
    }

    /** As {@link #attention}, each layer by itself: [layers][groups]. */
    public float[][] attentionByLayer(int row) {
        return attentionShares.byLayer(row);
    }

    /** A row's fused tokens [tokens][D] in the model's token order, fresh arrays; only where they are a {@link Readout}. */
    public float[][] tokens(int row) {
        float[][] tokens = new float[batch.tokens(row)][config.hiddenSize()];
        for (int t = 0; t < tokens.length; t++) {
            token(row, t, tokens[t]);
        }
        return tokens;
    }

    /** Writes one of a row's fused tokens [D] to {@code vector}; only where they are a {@link Readout}. */
    public void token(int row, int token, float[] vector) {
        if (kept) {
            throw new IllegalStateException("a workspace for pooled vectors alone keeps no other token");
        }
        fused.get((batch.firstToken(row) + token) * config.hiddenSize(), vector);
    }

    /** A block of features becomes hidden tokens, while rows are still packed. */
    private void project(FeatureBlock block) {
        stopwatch.lap(Stage.PACK);
        kernels.bindThread();
        projectors.get(block.modality()).project(block, this);
        stopwatch.lap(Stage.PROJECT);
    }

    /** The rest of the batch is projected: by the thread that will fuse it. */
    void begin() {
        kernels.bindThread();
        batch.finish();
        repeat(hidden);
        kept = false;
        if (attentionShares != null) {
            attentionShares.clear();
        }
    }

    /** Copies the rows of tokens that are repeated to where they belong. */
    void repeat(Matrix tokens) {
        batch.repeats((source, index, count) ->
                kernels.copyRows(tokens, token -> index + token, tokens, token -> source + token, count));
    }

    /** Blocks of the tokens that are no copies. */
    List<Block> ownTokens() {
        return Block.own(batch, hidden.rows());
    }

    /** Whether pooled vectors are all that is read, and each is made of one token. */
    boolean pooledOnly() {
        return pooledOnly;
    }

    /** Moves the pooled token of each row r to hidden token r, in place and front to back: its index is r or later. */
    void keepPooledTokens() {
        kernels.copyRows(hidden, row -> row, hidden, this::pooledToken, batch.rows());
        kept = true;
    }

    /** The hidden token that the pooling reads of a row, where it reads one. */
    int pooledToken(int row) {
        if (kept) {
            return row;
        }
        return config.pooling() == Pooling.LAST ? batch.firstToken(row + 1) - 1 : batch.firstToken(row);
    }

    /** How many hidden tokens there are. */
    int hiddenTokens() {
        return kept ? batch.rows() : batch.tokens();
    }

    Kernels kernels() {
        return kernels;
    }

    /** [128, K]: the block of features of one modality. */
    Matrix features(int modality) {
        return features.get(modality);
    }

    /** [128, D]: a block of projected tokens of one modality. */
    Matrix projected() {
        return projected;
    }

    /** [N, D]: the packed tokens, from the projection on. */
    Matrix hidden() {
        return hidden;
    }

    /** [up to 128, D]: a block of them. */
    Matrix hidden(Block block) {
        return hidden.rows(block.first(), block.height());
    }

    /** [128, D]: a block of tokens as a pre-norm layer reads it. */
    Matrix normed() {
        return normed;
    }

    /** [N, 3 D]: queries, keys and values side by side. */
    Matrix queryKeyValue() {
        return queryKeyValue;
    }

    /** [N, D]: its queries. */
    Matrix query() {
        return query;
    }

    /** [N, D]: its keys. */
    Matrix key() {
        return key;
    }

    /** [N, D]: its values. */
    Matrix value() {
        return value;
    }

    /** [N, D]: what attention found, heads side by side; behind the last layer the pooler's vectors, row after row. */
    Matrix context() {
        return context;
    }

    /** Scratch memory of {@link Kernels#attention}. */
    Matrix attentionScratch() {
        return attentionScratch;
    }

    /** Null where nobody asks for attention. */
    AttentionShares attentionShares() {
        return attentionShares;
    }

    /** [128, F]. */
    Matrix intermediate() {
        return intermediate;
    }

    @Override
    public void close() {
        kernels.close();
        buffers.forEach(Matrix::close);
    }
}
