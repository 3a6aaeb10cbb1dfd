package dev.braid.checkpoint;

import dev.braid.Numbers;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The architecture of a model, validated: what {@code config.json} says, the defaults, and the sizes that follow from
 * the weights. Tokens of the modalities make streams; stacks of layers change the streams, one after another;
 * the tokens of the output streams are the fused tokens.
 *
 * <p>A model may instead take one vector per modality. It has a stream of one token for each modality, one more stream
 * for the fused vector, and steps instead of stacks.
 *
 * @param modalities in the order of the config, at least one
 * @param streams at least one; a modality is in exactly one stream that is not joined
 * @param stacks in the order in which they run; none in a model of one vector per modality, else at least one
 * @param output indices of the streams whose tokens are the fused tokens, in token order; all of one hidden size
 * @param positions how the positions of tokens are encoded, apart from tables of single modalities; positions count the
 *     tokens of a stream
 * @param pooling from a row's fused tokens to one vector
 * @param vectors the steps of a model of one vector per modality, the last of which computes the fused vector; else
 *     empty
 */
public record ModelConfig(
        List<ModalityConfig> modalities,
        List<StreamConfig> streams,
        List<StackConfig> stacks,
        List<Integer> output,
        PositionConfig positions,
        Pooling pooling,
        List<VectorStep> vectors)
        implements Serializable {
    /** The name of the stream in a model of a single stream, and of its learned token. */
    public static final String CLS = "cls";

    /** A group of a row's tokens: the tokens of a modality, the learned tokens of a stream, or its pooled vector. */
    public record Group(String name, int modality, int learned) implements Serializable {
        public boolean isLearned() {
            return learned > 0;
        }
    }

    /** One attention of the model: the streams of its queries and keys, and its heads. */
    public record AttentionConfig(int queries, int keys, int heads) {}

    public ModelConfig {
        modalities = List.copyOf(modalities);
        streams = List.copyOf(streams);
        stacks = List.copyOf(stacks);
        output = List.copyOf(output);
        vectors = List.copyOf(vectors);
    }

    /** A model of stacks. */
    public ModelConfig(
            List<ModalityConfig> modalities,
            List<StreamConfig> streams,
            List<StackConfig> stacks,
            List<Integer> output,
            PositionConfig positions,
            Pooling pooling) {
        this(modalities, streams, stacks, output, positions, pooling, List.of());
    }

    /** A model of one vector per modality. Each modality's vector is a stream, and so is the fused vector. */
    public static ModelConfig ofVectors(List<ModalityConfig> modalities, List<VectorStep> steps) {
        List<StreamConfig> streams = new ArrayList<>();
        for (ModalityConfig modality : modalities) {
            streams.add(
                    new StreamConfig(modality.name(), modality.featureSize(), 0, List.of(streams.size()), List.of()));
        }
        VectorStep last = steps.get(steps.size() - 1);
        streams.add(new StreamConfig(last.name(), last.size(), 1, List.of(), List.of()));
        return new ModelConfig(
                modalities, streams, List.of(), List.of(modalities.size()), PositionConfig.NONE, Pooling.CLS, steps);
    }

    /** Whether the model takes one vector per modality instead of a sequence. */
    public boolean takesVectors() {
        return !vectors.isEmpty();
    }

    /** The size of a vector that a step reads: of a modality, or of an earlier step. */
    public int vectorSize(int vector) {
        return vector < modalities.size()
                ? modalities.get(vector).featureSize()
                : vectors.get(vector - modalities.size()).size();
    }

    /** One stream of all modalities, after a CLS token if there is one, through one stack of encoder layers. */
    public static ModelConfig singleStream(
            List<ModalityConfig> modalities, boolean clsToken, int layers, LayerConfig layer, Pooling pooling) {
        List<Integer> all = IntStream.range(0, modalities.size()).boxed().toList();
        StreamConfig stream = new StreamConfig(CLS, layer.hiddenSize(), clsToken ? 1 : 0, all, List.of());
        StackConfig stack = new StackConfig(StackConfig.Kind.ENCODER, 0, 0, layers, layer);
        return new ModelConfig(modalities, List.of(stream), List.of(stack), List.of(0), PositionConfig.NONE, pooling);
    }

    /** D, the size of a fused token. */
    public int hiddenSize() {
        return streams.get(output.get(0)).hiddenSize();
    }

    /** What every norm outside of layers computes. */
    public NormConfig norm() {
        return stacks.get(0).layer().norm();
    }

    /** The layers of all stacks. */
    public int layers() {
        return stacks.stream().mapToInt(StackConfig::layers).sum();
    }

    /** The stack of each layer of the model, in the order in which they run. */
    public List<StackConfig> layerStacks() {
        List<StackConfig> ofLayers = new ArrayList<>();
        for (List<StackConfig> together : interleavedStacks()) {
            for (int layer = 0; layer < together.get(0).layers(); layer++) {
                ofLayers.addAll(together);
            }
        }
        return ofLayers;
    }

    /** The stacks in groups: those whose layers alternate are one group, any other stack is a group of its own. */
    public List<List<StackConfig>> interleavedStacks() {
        List<List<StackConfig>> all = new ArrayList<>();
        for (int first = 0;
                first < stacks.size();
                first += stacks.get(first).interleaving().stacks()) {
            all.add(stacks.subList(
                    first, first + stacks.get(first).interleaving().stacks()));
        }
        return all;
    }

    /**
     * The stream that holds a stack's result: in a stack with a bottleneck, its stream without the bottleneck's tokens.
     */
    public int changedStream(StackConfig stack) {
        return stack.interleaving().isBottleneck()
                ? streams.get(stack.stream()).joined().get(0)
                : stack.stream();
    }

    /** Every attention of the model, in the order in which they run. */
    public List<AttentionConfig> attentions() {
        List<AttentionConfig> attentions = new ArrayList<>();
        for (StackConfig stack : layerStacks()) {
            for (int keys : stack.keyStreams()) {
                attentions.add(
                        new AttentionConfig(stack.stream(), keys, stack.layer().heads()));
            }
        }
        return attentions;
    }

    /** Whether a single stream begins with a learned token. */
    public boolean clsToken() {
        return streams.size() == 1 && learnedTokens() > 0;
    }

    /**
     * Whether a stream's tokens get embeddings of their positions in the row. Joined tokens have them already; learned
     * tokens without modalities need none, because each is a parameter of its own.
     */
    public boolean hasRowPositions(int stream) {
        return positions.embeddings().areOfRow()
                && !streams.get(stream).modalities().isEmpty();
    }

    /** The number of learned tokens per row, in all streams together. */
    public int learnedTokens() {
        return streams.stream().mapToInt(StreamConfig::learnedTokens).sum();
    }

    /** The fewest tokens of a row that lacks no modality: one of each, and those that the model adds to every row. */
    public int fewestTokens() {
        return modalities.size() + learnedTokens();
    }

    /** What {@link #fewestTokens} counts, for messages. */
    public String shortestRow() {
        String each = "a token per modality of the model";
        if (takesVectors()) {
            return each + ", and the fused vector";
        }
        if (learnedTokens() == 0) {
            return each;
        }
        boolean isCls = clsToken() && learnedTokens() == 1;
        return each + ", and " + (isCls ? "CLS" : Numbers.plain(learnedTokens(), "learned token"));
    }

    /** The modalities of each stream that has no other tokens than theirs, so that a row needs at least one of them. */
    public List<List<Integer>> streamsWithoutLearnedTokens() {
        return streams.stream()
                .filter(stream -> !stream.isJoined() && stream.learnedTokens() == 0)
                .map(StreamConfig::modalities)
                .toList();
    }

    /** The groups of a row's tokens in all streams that are not joined. */
    public List<Group> groups() {
        return groups(IntStream.range(0, streams.size())
                .filter(stream -> !streams.get(stream).isJoined())
                .boxed()
                .toList());
    }

    /** The groups of a row's fused tokens, in token order. */
    public List<Group> outputGroups() {
        return groups(output);
    }

    /** The groups of one stream, in token order. */
    public List<Group> groups(int stream) {
        StreamConfig config = streams.get(stream);
        if (config.isOneVector(streams)) {
            return List.of(new Group(config.name(), -1, 1));
        }
        if (config.isJoined()) {
            boolean sameTokens = config.joining() == StreamConfig.Joining.FEATURES;
            return sameTokens ? groups(config.joined().get(0)) : groups(config.joined());
        }
        List<Group> groups = new ArrayList<>();
        if (config.learnedTokens() > 0) {
            groups.add(new Group(config.name(), -1, config.learnedTokens()));
        }
        for (int modality : config.modalities()) {
            groups.add(new Group(modalities.get(modality).name(), modality, 0));
        }
        return groups;
    }

    private List<Group> groups(List<Integer> ofStreams) {
        return ofStreams.stream().flatMap(stream -> groups(stream).stream()).toList();
    }

    /**
     * The modalities whose token 0 must not be masked, because it becomes a pooled vector: by the pooling of a stream
     * or, if {@code pools}, by the pooling of the model.
     */
    public Set<Integer> firstTokenModalities(boolean pools) {
        Stream<Group> ofStreams = streams.stream()
                .filter(stream -> stream.joining() == StreamConfig.Joining.POOLED && stream.pooling() == Pooling.CLS)
                .map(stream -> groups(stream.joined().get(0)).get(0));
        Stream<Group> ofModel = pools && (pooling == Pooling.CLS || pooling == Pooling.POOLER)
                ? Stream.of(outputGroups().get(0))
                : Stream.empty();
        return Stream.concat(ofStreams, ofModel)
                .filter(first -> !first.isLearned())
                .map(Group::modality)
                .collect(Collectors.toSet());
    }

    /** How the first tokens of {@link #firstTokenModalities} are pooled, as messages name it. */
    public Pooling firstTokenPooling() {
        return pooling == Pooling.POOLER ? Pooling.POOLER : Pooling.CLS;
    }

    public ModelConfig withPooling(Pooling other) {
        return new ModelConfig(modalities, streams, stacks, output, positions, other, vectors);
    }

    public ModelConfig withPositions(PositionConfig other) {
        return new ModelConfig(modalities, streams, stacks, output, other, pooling, vectors);
    }
}
