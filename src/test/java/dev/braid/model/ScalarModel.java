package dev.braid.model;

import dev.braid.batch.CheckedCopy;
import dev.braid.batch.FeatureSequence;
import dev.braid.checkpoint.AttentionWeights;
import dev.braid.checkpoint.BoxFusion;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.FeedForwardWeights;
import dev.braid.checkpoint.Interleaving;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.LayerWeights;
import dev.braid.checkpoint.LinearWeights;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModalityWeights;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.ModelWeights;
import dev.braid.checkpoint.NormConfig;
import dev.braid.checkpoint.NormType;
import dev.braid.checkpoint.NormWeights;
import dev.braid.checkpoint.PositionEmbeddings;
import dev.braid.checkpoint.ProjectionWeights;
import dev.braid.checkpoint.RotaryEmbeddings;
import dev.braid.checkpoint.StackConfig;
import dev.braid.checkpoint.StackWeights;
import dev.braid.checkpoint.StoredTensor;
import dev.braid.checkpoint.StreamConfig;
import dev.braid.kernel.ScalarReference;
import dev.braid.tensor.Activation;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.DoubleStream;

/** The forward pass of one row in plain double loops, a step after the other: what {@link FusionModel} is held against. */
final class ScalarModel {
    private final ModelConfig config;
    private final ModelWeights weights;
    /** Per attention the share of attention that each group of tokens received. */
    private final List<double[]> attention = new ArrayList<>();

    private List<FeatureSequence> row;
    /** Per stream its tokens; null where a joined one is not made yet. */
    private double[][][] streams;

    ScalarModel(Checkpoint checkpoint) {
        this.config = checkpoint.config();
        this.weights = checkpoint.weights();
    }

    /** Fuses one row. */
    ScalarModel fuse(List<FeatureSequence> sequences) {
        row = sequences;
        streams = new double[config.streams().size()][][];
        for (int s = 0; s < streams.length; s++) {
            if (!config.streams().get(s).isJoined()) {
                streams[s] = embed(s);
            }
        }
        int first = 0;
        for (List<StackConfig> together : config.interleavedStacks()) {
            List<StackWeights> ofStacks = weights.stacks().subList(first, first + together.size());
            for (int layer = 0; layer < together.get(0).layers(); layer++) {
                layer(together, ofStacks, layer);
            }
            for (int s = 0; s < together.size(); s++) {
                NormWeights finalNorm = ofStacks.get(s).finalNorm();
                int changed = config.changedStream(together.get(s));
                if (finalNorm != null) {
                    streams[changed] = norm(
                            streams[changed], finalNorm, together.get(s).layer().norm());
                }
            }
            first += together.size();
        }
        return this;
    }

    /** One layer of every stack. */
    private void layer(List<StackConfig> together, List<StackWeights> ofStacks, int layer) {
        together.forEach(stack -> stream(config.changedStream(stack))); // filled before one of them changes its parts
        StackConfig last = together.get(together.size() - 1);
        if (last.interleaving().exchange() == Interleaving.Exchange.CO_ATTENTION) {
            streams[last.memory()] = stream(together.get(0).stream());
        }
        double[][] sum = null;
        for (int s = 0; s < together.size(); s++) {
            StackConfig stack = together.get(s);
            LayerWeights layerWeights = ofStacks.get(s).layers().get(layer);
            if (!stack.interleaving().isBottleneck()) {
                streams[stack.stream()] = layer(stack, layerWeights);
                continue;
            }
            int own = config.changedStream(stack);
            streams[stack.stream()] =
                    joined(config.streams().get(stack.stream()).joined());
            double[][] all = layer(stack, layerWeights);
            int tokens = stream(own).length;
            streams[own] = Arrays.copyOf(all, tokens);
            double[][] bottleneck = Arrays.copyOfRange(all, tokens, all.length);
            sum = sum == null ? bottleneck : ScalarReference.add(sum, bottleneck);
        }
        if (sum != null) {
            for (double[] token : sum) {
                for (int c = 0; c < token.length; c++) {
                    token[c] /= together.size();
                }
            }
            streams[config.streams().get(last.stream()).joined().get(1)] = sum;
        }
    }

    /** The fused tokens. */
    double[][] tokens() {
        return joined(config.output());
    }

    double[] pooler() {
        double[][] first = {tokens()[0]};
        double[] dense = linear(first, weights.pooler())[0];
        for (int c = 0; c < dense.length; c++) {
            dense[c] = Math.tanh(dense[c]);
        }
        return dense;
    }

    List<double[]> attentionByLayer() {
        return attention;
    }

    private double[][] joined(List<Integer> parts) {
        List<double[]> tokens = new ArrayList<>();
        parts.forEach(part -> tokens.addAll(List.of(stream(part))));
        return tokens.stream().map(double[]::clone).toArray(double[][]::new);
    }

    private double[][] stream(int index) {
        if (streams[index] == null) {
            StreamConfig stream = config.streams().get(index);
            streams[index] = switch (stream.joining()) {
                case TOKENS -> joined(stream.joined());
                case FEATURES -> sideBySide(stream);
                case POOLED -> new double[][] {pooled(stream)};
            };
        }
        return streams[index];
    }

    private double[][] sideBySide(StreamConfig stream) {
        double[][] wide = new double[stream(stream.joined().get(0)).length][stream.hiddenSize()];
        int column = 0;
        for (int part : stream.joined()) {
            double[][] x = stream(part);
            for (int t = 0; t < x.length; t++) {
                System.arraycopy(x[t], 0, wide[t], column, x[t].length);
            }
            column += x[0].length;
        }
        return wide;
    }

    private double[] pooled(StreamConfig stream) {
        double[][] x = stream(stream.joined().get(0));
        double[] vector = new double[stream.hiddenSize()];
        for (int c = 0; c < vector.length; c++) {
            int column = c;
            DoubleStream numbers = Arrays.stream(x).mapToDouble(token -> token[column]);
            vector[c] = switch (stream.pooling()) {
                case CLS -> x[0][c];
                case LAST -> x[x.length - 1][c];
                case MEAN -> numbers.average().getAsDouble();
                case MAX -> numbers.max().getAsDouble();
                default -> throw new IllegalStateException("a stream pools by cls, last, mean or max");
            };
        }
        return vector;
    }

    /** The positions of a stream's tokens: counts from 0, learned and masked tokens too. */
    private int[] positions(int index) {
        List<Integer> counted = new ArrayList<>();
        int first = 0;
        for (ModelConfig.Group group : config.groups(index)) {
            FeatureSequence sequence = group.isLearned() ? null : row.get(group.modality());
            for (int t = 0; t < (sequence == null ? group.learned() : sequence.tokens()); t++) {
                counted.add(first + (sequence == null ? t : sequence.position(t)));
            }
            first += sequence == null ? group.learned() : sequence.positions();
        }
        return counted.stream().mapToInt(Integer::intValue).toArray();
    }

    private void addRowPositions(double[][] x, int index) {
        StoredTensor table = weights.streams().get(index).positions();
        int[] positions = positions(index);
        for (int t = 0; t < x.length; t++) {
            if (table != null) {
                add(x[t], matrix(table)[positions[t]]);
            } else if (config.hasRowPositions(index)) {
                add(x[t], sinusoids(positions[t], x[t].length));
            }
        }
    }

    /** Vaswani et al. 2017, section 3.5. */
    private static double[] sinusoids(int position, int hiddenSize) {
        double[] sinusoids = new double[hiddenSize];
        for (int c = 0; c < sinusoids.length; c++) {
            double angle = position / Math.pow(10_000, (double) (c - c % 2) / sinusoids.length);
            sinusoids[c] = c % 2 == 0 ? Math.sin(angle) : Math.cos(angle);
        }
        return sinusoids;
    }

    private double[][] embed(int index) {
        StreamConfig stream = config.streams().get(index);
        List<double[]> embedded = new ArrayList<>();
        StoredTensor learned = weights.streams().get(index).learned();
        if (learned != null) {
            embedded.addAll(List.of(rows(floats(learned), stream.hiddenSize())));
        }
        for (int m : stream.modalities()) {
            embedded.addAll(List.of(embed(row.get(m), m)));
        }
        double[][] x = embedded.toArray(double[][]::new);
        addRowPositions(x, index);
        NormWeights norm = weights.streams().get(index).norm();
        return norm == null ? x : norm(x, norm, config.norm());
    }

    private double[][] embed(FeatureSequence sequence, int modality) {
        if (sequence.tokens() == 0) {
            return new double[0][];
        }
        ModalityConfig modalityConfig = config.modalities().get(modality);
        ModalityWeights embedding = weights.modalities().get(modality);
        FloatBuffer numbers = FloatBuffer.allocate(sequence.tokens() * modalityConfig.tokenSize());
        sequence.copyTo(new CheckedCopy(numbers), 0, sequence.tokens());
        double[][] x = projected(rows(numbers, modalityConfig.tokenSize()), modalityConfig, embedding);
        double[][] positions = embedding.positions() == null ? null : matrix(embedding.positions());
        for (int t = 0; t < x.length; t++) {
            for (StoredTensor row : embedding.rows()) {
                add(x[t], values(row));
            }
            if (positions != null) {
                add(x[t], positions[sequence.position(t)]);
            } else if (config.positions().embeddings() == PositionEmbeddings.SINUSOIDAL) {
                add(x[t], sinusoids(sequence.position(t), x[t].length));
            }
        }
        if (embedding.norm() == null) {
            return x;
        }
        x = norm(x, embedding.norm(), config.norm());
        for (double[] token : x) {
            embedding.rowsAfterNorm().forEach(row -> add(token, values(row)));
        }
        return x;
    }

    /** The sum of projections, or their mean. */
    private double[][] projected(double[][] tokens, ModalityConfig modality, ModalityWeights embedding) {
        double[][] x = tokens;
        if (modality.tokenIds()) {
            double[][] words = matrix(embedding.words());
            x = Arrays.stream(tokens).map(id -> words[(int) id[0]].clone()).toArray(double[][]::new);
        }
        if (embedding.boxes() == null) {
            return embedding.projection() == null ? x : project(x, embedding.projection());
        }
        int width = modality.featureSize();
        double[][] features = project(columns(x, 0, width), embedding.projection());
        double[][] boxes = project(columns(x, width, width + modality.boxSize()), embedding.boxes());
        double[][] sum = ScalarReference.add(features, boxes);
        if (modality.boxes().fusion() == BoxFusion.MEAN) {
            for (double[] token : sum) {
                Arrays.setAll(token, c -> token[c] / 2);
            }
        }
        return sum;
    }

    private double[][] project(double[][] x, ProjectionWeights projection) {
        double[][] projected = linear(x, projection.linear());
        return projection.norm() == null ? projected : norm(projected, projection.norm(), config.norm());
    }

    private static double[][] columns(double[][] x, int from, int to) {
        return Arrays.stream(x)
                .map(token -> Arrays.copyOfRange(token, from, to))
                .toArray(double[][]::new);
    }

    private double[][] layer(StackConfig stack, LayerWeights layer) {
        LayerConfig layerConfig = stack.layer();
        NormConfig normConfig = layerConfig.norm();
        double[][] x = stream(stack.stream());
        for (int a = 0; a < layer.attentions().size(); a++) {
            AttentionWeights ofAttention = layer.attentions().get(a);
            int keys = stack.keyStreams().get(a);
            double[][] in = layerConfig.normFirst() ? norm(x, ofAttention.norm(), normConfig) : x;
            double[][] memory = keys == stack.stream() ? in : stream(keys);
            if (ofAttention.memoryNorm() != null) {
                memory = norm(memory, ofAttention.memoryNorm(), normConfig);
            }
            boolean rotates = keys == stack.stream() && config.positions().rotary() != null;
            x = ScalarReference.add(x, attention(in, memory, ofAttention, layerConfig, keys, rotates));
            x = layerConfig.normFirst() ? x : norm(x, ofAttention.norm(), normConfig);
        }
        FeedForwardWeights feedForward = layer.feedForward();
        if (feedForward == null) {
            return x;
        }
        double[][] in = layerConfig.normFirst() ? norm(x, feedForward.norm(), normConfig) : x;
        x = ScalarReference.add(x, feedForward(in, feedForward, layerConfig));
        return layerConfig.normFirst() ? x : norm(x, feedForward.norm(), normConfig);
    }

    private double[][] attention(
            double[][] x,
            double[][] memory,
            AttentionWeights ofAttention,
            LayerConfig layer,
            int keys,
            boolean rotates) {
        double[][] query = linear(x, ofAttention.query());
        double[][] key = linear(memory, ofAttention.key());
        if (rotates) {
            RotaryEmbeddings rotary = config.positions().rotary();
            boolean interleaved = rotary.pairs() == RotaryEmbeddings.Pairs.INTERLEAVED;
            int[] positions = positions(keys);
            for (int t = 0; t < x.length; t++) {
                query[t] =
                        ScalarReference.rotate(query[t], layer.headSize(), interleaved, rotary.theta(), positions[t]);
                key[t] = ScalarReference.rotate(key[t], layer.headSize(), interleaved, rotary.theta(), positions[t]);
            }
        }
        for (double[] token : query) {
            for (int c = 0; c < token.length; c++) {
                token[c] /= Math.sqrt(layer.headSize());
            }
        }
        record(ScalarReference.softmax(query, key, layer.heads()), keys);
        double[][] context = ScalarReference.attention(query, key, linear(memory, ofAttention.value()), layer.heads());
        return ofAttention.output() == null ? context : linear(context, ofAttention.output());
    }

    private void record(double[][] softmax, int keys) {
        double[] shares = new double[config.groups().size()];
        for (double[] query : softmax) {
            int key = 0;
            for (ModelConfig.Group group : config.groups(keys)) {
                int tokens = group.isLearned()
                        ? group.learned()
                        : row.get(group.modality()).tokens();
                int g = config.groups().indexOf(group);
                for (int end = key + tokens; key < end; key++) {
                    shares[g] += query[key] / softmax.length;
                }
            }
        }
        attention.add(shares);
    }

    private static double[][] feedForward(double[][] x, FeedForwardWeights ofLayer, LayerConfig layer) {
        Activation activation = layer.activation();
        double[][] intermediate = linear(x, ofLayer.linear1());
        for (double[] token : intermediate) {
            for (int c = 0; c < token.length; c++) {
                token[c] = ScalarReference.activate(token[c], activation);
            }
        }
        if (ofLayer.up() != null) {
            intermediate = ScalarReference.multiply(intermediate, linear(x, ofLayer.up()));
        }
        return linear(intermediate, ofLayer.linear2());
    }

    private static double[][] linear(double[][] x, LinearWeights weights) {
        return ScalarReference.linear(
                x, matrix(weights.weight()), weights.bias() == null ? null : values(weights.bias()));
    }

    private static double[][] norm(double[][] x, NormWeights norm, NormConfig normConfig) {
        double[] scale = values(norm.weight());
        return normConfig.type() == NormType.RMS_NORM
                ? ScalarReference.rmsNorm(x, scale, normConfig.epsilon())
                : ScalarReference.layerNorm(x, scale, values(norm.bias()), normConfig.epsilon());
    }

    private static void add(double[] sum, double[] values) {
        for (int c = 0; c < sum.length; c++) {
            sum[c] += values[c];
        }
    }

    private static double[] values(StoredTensor tensor) {
        return rows(floats(tensor), (int) tensor.shape().elements())[0];
    }

    private static double[][] matrix(StoredTensor tensor) {
        return rows(floats(tensor), (int) tensor.shape().dimension(1));
    }

    private static FloatBuffer floats(StoredTensor tensor) {
        FloatBuffer floats = FloatBuffer.allocate((int) tensor.shape().elements());
        tensor.copyTo(floats);
        return floats;
    }

    private static double[][] rows(FloatBuffer floats, int columns) {
        double[][] rows = new double[floats.capacity() / columns][columns];
        for (int i = 0; i < floats.capacity(); i++) {
            rows[i / columns][i % columns] = floats.get(i);
        }
        return rows;
    }
}
