package dev.braid.model;

import dev.braid.batch.Batch;
import dev.braid.batch.FeatureBlock;
import dev.braid.batch.PackedTokens;
import dev.braid.batch.TokenGroup;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.kernel.KernelLibrary;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Every buffer of one thread, sized once for a budget of N tokens: rows are packed into {@link #batch}, {@link
 * FusionModel#fuse} runs, and {@link #pooled} and {@link #tokens} read the result until the next row is packed. Used by
 * one thread at a time. {@code WorkspaceBuffers} holds the matrices.
 */
public final class FusionWorkspace implements AutoCloseable {
    /** Bytes of compiled code for attention of one size. */
    private static final long COMPILED_SIZE = 2 << 20;

    private final ModelConfig config;
    private final WorkspaceBuffers buffers;
    private final Kernels kernels;
    private final List<Projector> projectors;
    private final Batch batch;
    private final List<TokenStream> streams = new ArrayList<>();
    private FusionTimer timer = FusionTimer.NONE;
    /** Null if attention is not among the readouts. */
    private final AttentionShares attentionShares;

    private final Pooler pooler;
    private final boolean pooledOnly;

    /** Opens a workspace; if that fails, it leaves nothing open. */
    static FusionWorkspace open(
            ModelConfig config,
            KernelLibrary library,
            List<Projector> projectors,
            int maxTokens,
            Set<Readout> readouts) {
        FusionModel.checkSizes(config, maxTokens);
        WorkspaceBuffers buffers = new WorkspaceBuffers(WorkspaceShapes.of(config, maxTokens), library);
        try {
            return new FusionWorkspace(config, library, projectors, maxTokens, readouts, buffers);
        } catch (RuntimeException | Error failure) {
            buffers.close();
            throw failure;
        }
    }

    private FusionWorkspace(
            ModelConfig config,
            KernelLibrary library,
            List<Projector> projectors,
            int maxTokens,
            Set<Readout> readouts,
            WorkspaceBuffers buffers) {
        this.config = config;
        this.buffers = buffers;
        this.batch = new Batch(
                buffers.featureBlocks(),
                embeddedGroups(config),
                config.positions().areOfRow(),
                maxTokens,
                this::project);
        Iterator<PackedTokens> embedded = batch.streams().iterator();
        for (int stream = 0; stream < config.streams().size(); stream++) {
            boolean joined = config.streams().get(stream).isJoined();
            streams.add(new TokenStream(
                    joined ? batch.join(groups(config, stream)) : embedded.next(), buffers.stream(stream)));
        }
        this.projectors = projectors;
        this.attentionShares = readouts.contains(Readout.ATTENTION)
                ? new AttentionShares(
                        config, streams.stream().map(TokenStream::packed).toList(), batch, maxTokens)
                : null;
        this.pooler = new Pooler(config.hiddenSize());
        this.pooledOnly = readouts.isEmpty() && LastLayer.pools(config);
        this.kernels = library.open();
    }

    /** The token groups of each stream that is not joined from others. */
    private static List<List<TokenGroup>> embeddedGroups(ModelConfig config) {
        return IntStream.range(0, config.streams().size())
                .filter(stream -> !config.streams().get(stream).isJoined())
                .mapToObj(stream -> groups(config, stream))
                .toList();
    }

    private static List<TokenGroup> groups(ModelConfig config, int stream) {
        return config.groups(stream).stream()
                .map(group -> group.isLearned()
                        ? TokenGroup.ofLearned(group.learned())
                        : TokenGroup.ofModality(group.modality()))
                .toList();
    }

    /**
     * Bytes outside the Java heap of the buffers of one workspace. Its kernels' scratch memory and compiled code come
     * on top.
     *
     * @param maxTokens a budget that {@link FusionModel#checkSizes} allows
     */
    public static long nativeBytes(ModelConfig config, int maxTokens) {
        return WorkspaceShapes.of(config, maxTokens).bytes();
    }

    /** The most bytes outside the Java heap for kernels compiled for rows of these lengths, in tokens. */
    public static long compiledBytes(ModelConfig config, int shortest, int longest) {
        long sizes = config.attentions().stream().distinct().count();
        long kinds = sizes + (LastLayer.pools(config) ? 1 : 0); // one token's attention is another size
        return kinds * Kernels.attentionSizes(shortest, longest) * COMPILED_SIZE;
    }

    /** Bytes of Java heap of one workspace. */
    public static long heapBytes(ModelConfig config, int maxTokens, Set<Readout> readouts) {
        long attention = readouts.contains(Readout.ATTENTION) ? AttentionShares.heapBytes(config, maxTokens) : 0;
        int counting = config.positions().areOfRow() ? config.streams().size() : 0;
        return attention + Batch.heapBytes(counting, config.modalities().size(), config.learnedTokens(), maxTokens);
    }

    /** The rows to fuse, in order. */
    public Batch batch() {
        return batch;
    }

    /** The timer of the thread that uses this workspace. */
    FusionTimer timer() {
        return timer;
    }

    /** Sets the timer, when another thread begins to use this workspace. */
    public void timer(FusionTimer ofThread) {
        timer = ofThread;
    }

    /** A row's fused tokens pooled to one vector [D], a fresh array. */
    public float[] pooled(int row) {
        float[] vector = new float[config.hiddenSize()];
        pooled(row, vector);
        return vector;
    }

    /** Writes a row's fused tokens, pooled to one vector [D], to {@code vector}. */
    public void pooled(int row, float[] vector) {
        if (config.pooling() == Pooling.POOLER) {
            Matrix vectors = buffers.pooled(vector.length);
            vectors.buffer().get(row * vectors.stride(), vector);
        } else if (config.pooling().readsOneToken()) {
            pooledStream().numbers().get(pooledToken(row) * vector.length, vector);
        } else {
            pooler.begin(config.pooling());
            for (int index : config.output()) {
                TokenStream stream = streams.get(index);
                pooler.add(
                        stream.numbers(),
                        stream.firstToken(row),
                        stream.packed().tokens(row));
            }
            pooler.end(vector);
        }
    }

    /**
     * The share of a row's attention that each group of {@link ModelConfig#groups} receives: the mean over the model's
     * attentions, their heads and the row's tokens as queries; the sum is 1. Only with {@link Readout#ATTENTION}.
     */
    public float[] attention(int row) {
        return attentionShares.overall(row);
    }

    /** Like {@link #attention}, for each of {@link ModelConfig#attentions} separately: [attentions][groups]. */
    public float[][] attentionByLayer(int row) {
        return attentionShares.byLayer(row);
    }

    /** A row's fused tokens [tokens][D] in the model's token order, fresh arrays; only with {@link Readout#TOKENS}. */
    public float[][] tokens(int row) {
        return tokens(row, config.output());
    }

    /** The tokens of a row in some streams, one stream after another, fresh arrays. */
    float[][] tokens(int row, List<Integer> ofStreams) {
        List<float[]> tokens = new ArrayList<>();
        for (int index : ofStreams) {
            TokenStream stream = streams.get(index);
            for (int t = 0; t < stream.packed().tokens(row); t++) {
                float[] token = new float[stream.hidden().columns()];
                stream.token(row, t, token);
                tokens.add(token);
            }
        }
        return tokens.toArray(float[][]::new);
    }

    /** How many fused tokens a row has. */
    public int tokenCount(int row) {
        int count = 0;
        for (int index : config.output()) {
            count += streams.get(index).packed().tokens(row);
        }
        return count;
    }

    /** Writes one of a row's fused tokens [D] to {@code vector}; only with {@link Readout#TOKENS}. */
    public void token(int row, int token, float[] vector) {
        int index = token;
        for (int output : config.output()) {
            TokenStream stream = streams.get(output);
            int count = stream.packed().tokens(row);
            if (index < count) {
                stream.token(row, index, vector);
                return;
            }
            index -= count;
        }
        throw new IndexOutOfBoundsException("token " + token + " of " + tokenCount(row));
    }

    /** Projects a block of features to hidden tokens. Called while rows are still being packed. */
    private void project(FeatureBlock block) {
        timer.packed();
        kernels.bindThread();
        projectors.get(block.modality()).project(block, this);
        timer.projected();
    }

    /** Projects the rest of the batch and prepares the streams. Called by the thread that fuses the batch. */
    void begin() {
        kernels.bindThread();
        batch.finish();
        for (TokenStream stream : streams) {
            stream.begin();
            stream.copyRepeated(stream.hidden(), kernels);
        }
        if (attentionShares != null) {
            attentionShares.clear();
        }
    }

    /** Whether only pooled vectors are read, each from one token, so that the last layer can skip other tokens. */
    boolean pooledOnly() {
        return pooledOnly;
    }

    /** The index of the hidden token that the pooling reads for a row, if it reads one token. */
    int pooledToken(int row) {
        return pooledToken(pooledStream(), row);
    }

    /** Like {@link #pooledToken(int)}, in another stream whose rows begin with the tokens of the pooled stream. */
    int pooledToken(TokenStream stream, int row) {
        return stream.holdsPooledOnly() ? row : packedPooledToken(stream, row);
    }

    /** The index of that token among all packed tokens of the stream, even if the stream holds only pooled tokens. */
    int packedPooledToken(TokenStream stream, int row) {
        int ofRow = config.pooling() == Pooling.LAST ? pooledStream().packed().tokens(row) - 1 : 0;
        return stream.packed().firstToken(row) + ofRow;
    }

    private TokenStream pooledStream() {
        return streams.get(LastLayer.pooledStream(config));
    }

    /** The stream with which the fused tokens begin. */
    TokenStream firstOutput() {
        return streams.get(config.output().get(0));
    }

    TokenStream stream(int index) {
        return streams.get(index);
    }

    Kernels kernels() {
        return kernels;
    }

    /** The matrices that steps write to. */
    WorkspaceBuffers buffers() {
        return buffers;
    }

    /** Null if attention is not among the readouts. */
    AttentionShares attentionShares() {
        return attentionShares;
    }

    @Override
    public void close() {
        kernels.close();
        buffers.close();
    }
}
