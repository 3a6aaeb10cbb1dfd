package dev.braid.model;

import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.LayerWeights;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.ModelWeights;
import dev.braid.checkpoint.PositionConfig;
import dev.braid.checkpoint.RotaryEmbeddings;
import dev.braid.checkpoint.StackConfig;
import dev.braid.checkpoint.StackWeights;
import dev.braid.checkpoint.StoredTensor;
import dev.braid.checkpoint.StreamConfig;
import dev.braid.checkpoint.StreamWeights;
import dev.braid.kernel.Matrix;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** The steps of a model's forward pass, made of its config and weights: embeddings first, then stack after stack. */
final class Steps {
    private final ModelConfig config;
    private final ModelWeights weights;
    private final WeightPacker packer;
    private final List<Step> steps = new ArrayList<>();
    /** Streams that hold their tokens. */
    private final Set<Integer> filled = new HashSet<>();
    /** Streams in which tokens that were copies when they were projected are no copies any more. */
    private final Set<Integer> mixed = new HashSet<>();

    /** Of the queries and keys of self-attention, or null. */
    private final AttentionBlock.Rotation rotation;

    private int attentions;
    private int layers;

    private Steps(ModelConfig config, ModelWeights weights, WeightPacker packer) {
        this.config = config;
        this.weights = weights;
        this.packer = packer;
        this.rotation = rotation();
    }

    /** Per modality what makes its tokens, while rows are still packed. */
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

    /** What happens to the packed tokens. */
    static List<Step> of(ModelConfig config, ModelWeights weights, WeightPacker packer) {
        return new Steps(config, weights, packer).load();
    }

    private List<Step> load() {
        for (int stream = 0; stream < config.streams().size(); stream++) {
            if (!config.streams().get(stream).isJoined()) {
                embed(stream);
            }
        }
        for (int stack = 0; stack < config.stacks().size(); stack++) {
            add(config.stacks().get(stack), weights.stacks().get(stack));
        }
        config.output().forEach(this::fill);
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

    /** Positions in the row tell tokens apart that were copies. */
    private void embedPositions(int stream) {
        PositionConfig positions = config.positions();
        if (!positions.embeddings().areOfRow()) {
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

    private void add(StackConfig stack, StackWeights stackWeights) {
        fill(stack.stream());
        stack.keyStreams().forEach(this::fill);
        for (LayerWeights layer : stackWeights.layers()) {
            steps.add(layer(stack, layer));
        }
        if (stackWeights.finalNorm() != null) {
            steps.add(new TokenNorm(
                    stack.stream(),
                    packer.norm(stackWeights.finalNorm(), stack.layer().norm())));
        }
    }

    /** A joined stream is filled before the first stack that reads it. */
    private void fill(int stream) {
        if (filled.add(stream)) {
            List<Integer> parts = config.streams().get(stream).joined();
            parts.forEach(this::fill);
            steps.add(new JoinedTokens(stream, parts));
            if (parts.stream().anyMatch(mixed::contains)) {
                mixed.add(stream);
            }
        }
    }

    private TransformerLayer layer(StackConfig stack, LayerWeights layer) {
        LayerConfig layerConfig = stack.layer();
        layers++;
        boolean mayPoolOnly = layers == config.layers() && FusionWorkspace.poolsInLastLayer(config);
        List<AttentionBlock> blocks = new ArrayList<>();
        for (int keys : stack.keyStreams()) {
            AttentionBlock.Place place =
                    new AttentionBlock.Place(attentions++, stack.stream(), keys, !mixed.contains(keys), mayPoolOnly);
            blocks.add(
                    AttentionBlock.load(place, layer.attentions().get(blocks.size()), layerConfig, rotation, packer));
            mixed.add(stack.stream());
        }
        return new TransformerLayer(
                stack.stream(),
                blocks,
                layer.feedForward() == null ? null : FeedForward.load(layer.feedForward(), layerConfig, packer));
    }

    private AttentionBlock.Rotation rotation() {
        PositionConfig positions = config.positions();
        RotaryEmbeddings rotary = positions.rotary();
        if (rotary == null) {
            return null;
        }
        int headSize = config.stacks().get(0).layer().headSize();
        return new AttentionBlock.Rotation(
                packer.rotations(positions.maxPositions(), headSize, rotary.theta()),
                rotary.pairs() == RotaryEmbeddings.Pairs.INTERLEAVED);
    }
}
