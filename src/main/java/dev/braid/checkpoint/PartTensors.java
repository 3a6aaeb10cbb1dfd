package dev.braid.checkpoint;

import dev.braid.checkpoint.ExpectedTensor.Fit;
import dev.braid.checkpoint.LayerNames.AttentionNames;
import dev.braid.tensor.Shape;
import java.util.List;
import java.util.Set;

/** The tensors of Linears, LayerNorms and attentions: their names, roles and expected shapes, handed to a visitor. */
final class PartTensors {
    private final WrittenConfig config;
    private final Set<String> names;
    private final List<LayerBiases> layerBiases;
    private final ModelTensors.Visitor visitor;

    /** @param layerBiases of each stack */
    PartTensors(WrittenConfig config, List<LayerBiases> layerBiases, Set<String> names, ModelTensors.Visitor visitor) {
        this.config = config;
        this.names = names;
        this.layerBiases = layerBiases;
        this.visitor = visitor;
    }

    /**
     * A Linear of certain sizes.
     *
     * @param bias whether it has a bias, or null where the weights say that
     */
    record Linear(long out, long in, String source, Boolean bias, String nextStep) {}

    LinearWeights linear(Part part, String prefix, String role, Linear linear) {
        return linear(part, part, prefix, role, linear);
    }

    /** A Linear whose bias has another name than its weight. */
    private LinearWeights linear(Part part, Part biasPart, String prefix, String role, Linear linear) {
        String weightName = Part.weight(part.in(names, prefix));
        ExpectedTensor weight = new ExpectedTensor(
                weightName,
                role + " weight",
                Shape.of(linear.out() * part.slices(), linear.in()),
                Fit.EXACT,
                linear.source(),
                true,
                linear.nextStep());
        String biasName = biasPart.in(names, prefix);
        Shape biasShape = Shape.of(linear.out() * biasPart.slices());
        return new LinearWeights(
                visitor.visit(weight, part.slice(), part.slices()),
                Boolean.FALSE.equals(linear.bias())
                        ? null
                        : visitor.visit(
                                bias(biasName, role, biasShape, linear.source()), biasPart.slice(), biasPart.slices()));
    }

    /**
     * An attention.
     *
     * @param query the sizes of its query's map
     * @param key those of its key's and value's maps
     * @param output those of the output projection, or null where there is none
     * @param memorySource where the size of the tokens of keys and values is from if these have a norm, else null
     */
    AttentionWeights attention(
            AttentionNames parts,
            String prefix,
            String role,
            Linear query,
            Linear key,
            Linear output,
            String memorySource,
            NormType normType) {
        boolean apart = parts.widths() != null && query.in() != key.in();
        boolean fused = parts.query().slices() > 1 && !apart;
        LayerNames.Widths widths =
                apart ? parts.widths() : new LayerNames.Widths(parts.query(), parts.key(), parts.value());
        String all = "query, key and value";
        return new AttentionWeights(
                linear(widths.query(), parts.query(), prefix, role + (fused ? all : "query"), query),
                linear(widths.key(), parts.key(), prefix, role + (fused ? all : "key"), key),
                linear(widths.value(), parts.value(), prefix, role + (fused ? all : "value"), key),
                output == null ? null : linear(parts.output(), prefix, role + "attention output", output),
                norm(
                        parts.norm().in(names, prefix),
                        role + "attention norm",
                        query.out(),
                        query.source(),
                        "",
                        normType),
                memorySource == null
                        ? null
                        : norm(
                                LayerNames.MEMORY_NORM.in(names, prefix),
                                role + "memory norm",
                                key.in(),
                                memorySource,
                                "",
                                normType));
    }

    /** @param type of the norm; an RMSNorm has no bias */
    NormWeights norm(String name, String role, long size, String source, String nextStep, NormType type) {
        Shape shape = Shape.of(size);
        return new NormWeights(
                visitor.visit(
                        new ExpectedTensor(
                                Part.weight(name), role + " weight", shape, Fit.EXACT, source, true, nextStep),
                        0,
                        1),
                visitor.visit(type == NormType.RMS_NORM ? noBias(name, role) : bias(name, role, shape, source), 0, 1));
    }

    /** A bias that would have no effect. */
    private static ExpectedTensor noBias(String part, String role) {
        String source = "norm_type '" + NormType.RMS_NORM.configName() + "' in config.json";
        return new ExpectedTensor(Part.bias(part), role + " bias", Shape.of(), Fit.ABSENT, source, false, "");
    }

    /** A bias may be absent where a module can be made without one; around the layers of a published model, none can. */
    private ExpectedTensor bias(String part, String role, Shape shape, String source) {
        String name = Part.bias(part);
        boolean amongOthers = false;
        boolean aroundPublished = false;
        for (LayerBiases ofStack : layerBiases) {
            amongOthers |= config.model() == null && ofStack.contains(name);
            aroundPublished |= ofStack.isAroundPublished(name);
        }
        boolean required = config.model() != null || amongOthers || aroundPublished;
        String nextStep = amongOthers ? "; other biases of the layers are stored" : "";
        return new ExpectedTensor(name, role + " bias", shape, Fit.EXACT, source, required, nextStep);
    }
}
