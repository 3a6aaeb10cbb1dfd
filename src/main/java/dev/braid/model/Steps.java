package dev.braid.model;

import dev.braid.checkpoint.Interleaving;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.LayerWeights;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.ModelWeights;
import dev.braid.checkpoint.NormWeights;
import dev.braid.checkpoint.PositionConfig;
import dev.braid.checkpoint.RotaryEmbeddings;
import dev.braid.checkpoint.StackConfig;
import dev.braid.checkpoint.StoredTensor;
import dev.braid.checkpoint.StreamConfig;
import dev.braid.checkpoint.StreamWeights;
import dev.braid.kernel.Matrix;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Builds the steps of a model's forward pass from its config and weights: embeddings first, then stack after stack. */
final class Steps {
    private final ModelConfig config;
    private final ModelWeights weights;
    private final WeightPacker packer;
    private final List<Step> steps = new ArrayList<>();
    /** Streams whose tokens the steps so far have written. */
    private final Set<Integer> filled = new HashSet<>();
    /** Streams in which repeated tokens may no longer equal their originals, after the steps so far. */
    private final Set<Integer> mixed = new HashSet<>();

    /** The rotations in self-attention, by head size. */
    private final Map<Integer, AttentionBlock.Rotation> rotations = new HashMap<>();

    private int attentions;
    /** How many stacks have been added. */
    private int stacks;

    private Steps(ModelConfig config, ModelWeights weights, WeightPacker packer) {
        this.config = config;
        this.weights = weights;
        this.packer = packer;
    }

    /** The projector of each modality, which makes its tokens while rows are still being packed. */
    static List<Projector> projectors(ModelConfig config, ModelWeights weights, WeightPacker packer) {
        Projector[] projectors = new Projector[config.modalities().size()];
        for (int stream = 0; stream < config.streams().size(); stream++) {
            for (int modality : config.streams().get(stream).modalities()) {
                projectors[modality] = Projector.load(
                        modality, config, stream, weights.modalities().get(modality), packer);
            }
        }
        return List.of(projectors);
    }

    /** The steps that run on the packed tokens, in order. */
    static List<Step> of(ModelConfig config, ModelWeights weights, WeightPacker packer) {
        return new Steps(config, weights, packer).load();
    }

    private List<Step> load() {
        for (int stream = 0; stream < config.streams().size(); stream++) {
            if (!config.streams().get(stream).isJoined()) {
                embed(stream);
            }
        }
        for (List<StackConfig> together : config.interleavedStacks()) {
            add(together);
        }
        config.output().forEach(this::fill);
        if (config.takesVectors()) {
            steps.add(VectorFusion.load(config, weights.vectors(), packer));
        }
        return List.copyOf(steps);
    }

    private void embed(int stream) {
        StreamConfig streamConfig = config.streams().get(stream);
        StreamWeights streamWeights = weights.streams().get(stream);
        if (streamWeights.learned() != null) {
            steps.add(new LearnedTokens(stream, packer.table(streamWeights.learned(), streamConfig.learnedTokens())));
        }
        embedPositions(stream);
        if (streamWeights.norm() != null) {
            steps.add(new TokenNorm(stream, packer.norm(streamWeights.norm(), config.norm())));
        }
        filled.add(stream);
    }

    /** Adds positions in the row, which make repeated tokens differ from their originals. */
    private void embedPositions(int stream) {
        PositionConfig positions = config.positions();
        if (!config.hasRowPositions(stream)) {
            return;
        }
        Matrix table = positions.embeddings().areSinusoids()
                ? packer.sinusoids(
                        positions.maxPositions(), config.streams().get(stream).hiddenSize())
                : packer.table(
                        weights.streams().get(stream).positions(),
                        rows(weights.streams().get(stream).positions()));
        steps.add(new TokenPositions(stream, table));
        mixed.add(stream);
    }

    private static int rows(StoredTensor table) {
        return Math.toIntExact(table.shape().dimension(0));
    }

    /** Adds stacks whose layers alternate, or a single stack. */
    private void add(List<StackConfig> together) {
        boolean last = stacks + together.size() == config.stacks().size();
        boolean pools = last && LastLayer.pools(config);
        together.forEach(this::fill);
        for (int layer = 0; layer < together.get(0).layers(); layer++) {
            boolean poolsHere = pools && layer == together.get(0).layers() - 1;
            copyBefore(together, poolsHere);
            for (int i = 0; i < together.size(); i++) {
                LayerWeights layerWeights =
                        weights.stacks().get(stacks + i).layers().get(layer);
                add(layer(together.get(i), layerWeights, poolsHere), together.get(i), poolsHere);
            }
            if (together.get(0).interleaving().isBottleneck()) {
                Step mean = new BottleneckMean(
                        bottleneck(together.get(0)),
                        together.stream().map(StackConfig::stream).toList());
                steps.add(poolsHere ? mean.unlessPooledOnly() : mean);
            }
        }
        for (StackConfig stack : together) {
            finish(stack, weights.stacks().get(stacks++).finalNorm(), pools);
        }
    }

    /**
     * Adds a step of a stack. If the step can be limited to pooled tokens ({@code pools}), stacks without pooled tokens
     * are skipped when only pooled vectors are read.
     */
    private void add(Step step, StackConfig stack, boolean pools) {
        steps.add(pools && !LastLayer.isPooled(stack, config) ? step.unlessPooledOnly() : step);
    }

    private void fill(StackConfig stack) {
        if (stack.interleaving().isBottleneck()) {
            join(stack.stream()); // again for each stack, because its parts have changed
            return;
        }
        fill(stack.stream());
        if (!isCopyOfPartner(stack)) {
            fill(stack.memory());
        }
    }

    /** Whether a stack reads a copy of the previous stack's stream, made before each layer. */
    private static boolean isCopyOfPartner(StackConfig stack) {
        return stack.interleaving().exchange() == Interleaving.Exchange.CO_ATTENTION
                && stack.interleaving().index() == 1;
    }

    private void copyBefore(List<StackConfig> together, boolean pools) {
        StackConfig second = together.get(together.size() - 1);
        if (isCopyOfPartner(second)) {
            add(joined(second.memory()), second, pools);
        }
    }

    private int bottleneck(StackConfig stack) {
        return config.streams().get(stack.stream()).joined().get(1);
    }

    /** Adds what follows the last layer of a stack. */
    private void finish(StackConfig stack, NormWeights finalNorm, boolean pools) {
        int stream = config.changedStream(stack);
        if (stack.interleaving().isBottleneck()) {
            add(new SplitTokens(stream, stack.stream()), stack, pools);
            mixed.add(stream);
        }
        if (finalNorm != null) {
            Step norm =
                    new TokenNorm(stream, packer.norm(finalNorm, stack.layer().norm()));
            add(norm, stack, pools);
        }
    }

    /** Fills a joined stream, before the first stack that reads it. */
    private void fill(int stream) {
        if (filled.add(stream)) {
            join(stream);
        }
    }

    private void join(int stream) {
        config.streams().get(stream).joined().forEach(this::fill);
        steps.add(joined(stream));
    }

    private Step joined(int stream) {
        StreamConfig streamConfig = config.streams().get(stream);
        List<Integer> parts = streamConfig.joined();
        if (parts.stream().anyMatch(mixed::contains)) {
            mixed.add(stream);
        }
        return switch (streamConfig.joining()) {
            case TOKENS -> new JoinedTokens(stream, parts);
            case FEATURES -> new JoinedFeatures(stream, parts);
            case POOLED -> new PooledTokens(stream, parts.get(0), streamConfig.pooling());
        };
    }

    /** @param pools whether this is the last layer, and it may compute the pooled tokens only */
    private TransformerLayer layer(StackConfig stack, LayerWeights layer, boolean pools) {
        LayerConfig layerConfig = stack.layer();
        boolean isPooled = pools && LastLayer.isPooled(stack, config);
        List<AttentionBlock> blocks = new ArrayList<>();
        for (int keys : stack.keyStreams()) {
            AttentionBlock.Place place =
                    new AttentionBlock.Place(attentions++, stack.stream(), keys, !mixed.contains(keys), isPooled);
            blocks.add(AttentionBlock.load(
                    place, layer.attentions().get(blocks.size()), layerConfig, rotation(layerConfig), packer));
            mixed.add(stack.stream());
        }
        return new TransformerLayer(
                stack.stream(),
                blocks,
                layer.feedForward() == null ? null : FeedForward.load(layer.feedForward(), layerConfig, packer),
                isPooled);
    }

    /** The rotation in self-attention; null in a model without rotary positions. */
    private AttentionBlock.Rotation rotation(LayerConfig layer) {
        PositionConfig positions = config.positions();
        RotaryEmbeddings rotary = positions.rotary();
        if (rotary == null) {
            return null;
        }
        return rotations.computeIfAbsent(
                layer.headSize(),
                headSize -> new AttentionBlock.Rotation(
                        packer.rotations(positions.maxPositions(), headSize, rotary.theta()),
                        rotary.pairs() == RotaryEmbeddings.Pairs.INTERLEAVED));
    }
}
