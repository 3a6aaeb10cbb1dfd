package dev.braid.bench;

import static dev.braid.bench.OnnxGraph.attribute;

import dev.braid.checkpoint.Activation;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.LayerWeights;
import dev.braid.checkpoint.LinearWeights;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.NormWeights;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;

/** Writes a checkpoint's encoder as an ONNX model, which ONNX Runtime then optimises for itself. */
final class OnnxEncoder {
    static final String MASK = "mask";
    static final String FUSED = "fused";

    /** How attention is written. */
    enum Form {
        /** Standard operators: products, a softmax and transpositions, which the optimiser fuses where it can. */
        STANDARD,
        /** {@code com.microsoft.Attention}, which does the query, key and value projection too. */
        ATTENTION
    }

    private final OnnxGraph graph = new OnnxGraph();
    private final ModelConfig config;
    private final LayerConfig layerConfig;
    private final Form form;
    private final String mask;

    private OnnxEncoder(ModelConfig config, Form form, boolean masked) {
        this.config = config;
        this.layerConfig = config.stacks().get(0).layer();
        this.form = form;
        this.mask = masked ? mask(graph.input(MASK, "rows", 1, 1, "tokens")) : "";
    }

    /** ONNX Runtime's own operators take 1 for a real token and 0 for padding. */
    private String mask(String added) {
        if (form == Form.STANDARD) {
            return added;
        }
        String real = graph.node("Not", List.of(graph.node("IsInf", List.of(added))));
        String keep = graph.node("Cast", List.of(real), attribute("to", OnnxGraph.INT32));
        return graph.node("Reshape", List.of(keep, graph.constant(0, -1)));
    }

    /**
     * The model: an input per modality, [rows, tokens, feature size] under the modality's name, and with {@code masked} the
     * mask that is added to the scores, [rows, 1, 1, tokens].
     */
    static byte[] write(Checkpoint checkpoint, Form form, boolean masked) {
        return new OnnxEncoder(checkpoint.config(), form, masked).model(checkpoint);
    }

    private byte[] model(Checkpoint checkpoint) {
        List<String> projected = new ArrayList<>();
        for (int m = 0; m < config.modalities().size(); m++) {
            var modality = config.modalities().get(m);
            String features = graph.input(modality.name(), "rows", modality.name() + "Tokens", modality.featureSize());
            projected.add(linear(
                    features,
                    checkpoint.weights().modalities().get(m).projection().linear()));
        }
        String hidden = graph.node("Concat", projected, attribute("axis", 1));
        for (LayerWeights layer : checkpoint.weights().stacks().get(0).layers()) {
            hidden = layer(hidden, layer);
        }
        if (checkpoint.weights().stacks().get(0).finalNorm() != null) {
            hidden = norm(hidden, checkpoint.weights().stacks().get(0).finalNorm());
        }
        graph.output(hidden, "rows", "tokens", config.hiddenSize());
        return graph.model();
    }

    private String layer(String hidden, LayerWeights layer) {
        if (layerConfig.normFirst()) {
            String attended =
                    add(hidden, attended(norm(hidden, layer.attentions().get(0).norm()), layer));
            return add(attended, fed(norm(attended, layer.feedForward().norm()), layer));
        }
        String attended = norm(
                add(hidden, attended(hidden, layer)), layer.attentions().get(0).norm());
        return norm(add(attended, fed(attended, layer)), layer.feedForward().norm());
    }

    private String add(String x, String y) {
        return graph.node("Add", List.of(y, x));
    }

    private String attended(String x, LayerWeights layer) {
        String context = form == Form.STANDARD ? attention(x, layer) : fusedAttention(x, layer);
        return layer.attentions().get(0).output() == null
                ? context
                : linear(context, layer.attentions().get(0).output());
    }

    private String fed(String x, LayerWeights layer) {
        String inner = linear(x, layer.feedForward().linear1());
        String activated = graph.node(layerConfig.activation() == Activation.RELU ? "Relu" : "Gelu", List.of(inner));
        return linear(activated, layer.feedForward().linear2());
    }

    private String attention(String hidden, LayerWeights layer) {
        String query = heads(linear(hidden, layer.attentions().get(0).query()), 0, 2, 1, 3);
        String key = heads(linear(hidden, layer.attentions().get(0).key()), 0, 2, 3, 1);
        String value = heads(linear(hidden, layer.attentions().get(0).value()), 0, 2, 1, 3);
        String scale = graph.constant(FloatBuffer.wrap(new float[] {(float) (1 / Math.sqrt(layerConfig.headSize()))}));
        String scores = graph.node("Mul", List.of(graph.node("MatMul", List.of(query, key)), scale));
        String masked = mask.isEmpty() ? scores : graph.node("Add", List.of(scores, mask));
        String weights = graph.node("Softmax", List.of(masked), attribute("axis", -1));
        String context = graph.node("MatMul", List.of(weights, value));
        String rows = graph.node("Transpose", List.of(context), attribute("perm", new long[] {0, 2, 1, 3}));
        return graph.node("Reshape", List.of(rows, graph.constant(0, 0, config.hiddenSize())));
    }

    private String heads(String x, long... permutation) {
        String split = graph.constant(0, 0, layerConfig.heads(), layerConfig.headSize());
        String heads = graph.node("Reshape", List.of(x, split));
        return graph.node("Transpose", List.of(heads), attribute("perm", permutation));
    }

    private String fusedAttention(String hidden, LayerWeights layer) {
        int hiddenSize = config.hiddenSize();
        String weight = graph.transposed(StoredFloats.queryKeyValueWeight(layer), 3 * hiddenSize, hiddenSize);
        String bias = graph.constant(StoredFloats.queryKeyValueBias(layer), 3L * hiddenSize);
        return graph.microsoft(
                "Attention", List.of(hidden, weight, bias, mask), attribute("num_heads", layerConfig.heads()));
    }

    private String linear(String x, LinearWeights linear) {
        return graph.linear(x, StoredFloats.of(linear.weight()), StoredFloats.of(linear.bias()));
    }

    private String norm(String x, NormWeights norm) {
        long size = config.hiddenSize();
        return graph.node(
                "LayerNormalization",
                List.of(
                        x,
                        graph.constant(StoredFloats.of(norm.weight()), size),
                        graph.constant(StoredFloats.of(norm.bias()), size)),
                attribute("axis", -1),
                attribute("epsilon", layerConfig.layerNormEps()));
    }
}
