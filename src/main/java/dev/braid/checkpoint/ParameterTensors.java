package dev.braid.checkpoint;

import dev.braid.checkpoint.ExpectedTensor.Fit;
import dev.braid.checkpoint.LayerTensorNames.AttentionNames;
import dev.braid.tensor.Shape;
import java.util.List;
import java.util.Set;

/** Passes the tensors of Linears, norms and attentions to a visitor, with their names, roles and expected shapes. */
final class ParameterTensors {
    private final WrittenConfig config;
    private final Set<String> names;
    private final List<LayerBiases> layerBiases;
    private final ModelTensors.Visitor visitor;

    /** @param layerBiases the required biases of each stack */
    ParameterTensors(
            WrittenConfig config, List<LayerBiases> layerBiases, Set<String> names, ModelTensors.Visitor visitor) {
        this.config = config;
        this.names = names;
        this.layerBiases = layerBiases;
        this.visitor = visitor;
    }

    /**
     * The expected sizes of a Linear.
     *
     * @param bias whether it has a bias; null if the weights decide
     */
    record Linear(long out, long in, String source, Boolean bias, String nextStep) {}

    LinearWeights linear(ParameterNames part, String prefix, String role, Linear linear) {
        return linear(part, part, prefix, role, linear);
    }

    /** A Linear whose bias has another name than its weight. */
    private LinearWeights linear(
            ParameterNames part, ParameterNames biasPart, String prefix, String role, Linear linear) {
        String weightName = ParameterNames.weight(part.in(names, prefix));
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
     * Visits the tensors of an attention.
     *
     * @param query the sizes of the Linear for queries
     * @param key the sizes of the Linears for keys and for values
     * @param output the sizes of the output projection, or null without one
     * @param memorySource if the tokens for keys and values have a norm of their own, where their size comes from; else
     *     null
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
        boolean apart = parts.separate() != null && query.in() != key.in();
        boolean fused = parts.query().slices() > 1 && !apart;
        LayerTensorNames.SeparateProjections separate = apart
                ? parts.separate()
                : new LayerTensorNames.SeparateProjections(parts.query(), parts.key(), parts.value());
        String all = "query, key and value";
        return new AttentionWeights(
                linear(separate.query(), parts.query(), prefix, role + (fused ? all : "query"), query),
                linear(separate.key(), parts.key(), prefix, role + (fused ? all : "key"), key),
                linear(separate.value(), parts.value(), prefix, role + (fused ? all : "value"), key),
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
                                LayerTensorNames.MEMORY_NORM.in(names, prefix),
                                role + "memory norm",
                                key.in(),
                                memorySource,
                                "",
                                normType));
    }

    /** @param type the type of the norm; an RMSNorm has no bias */
    NormWeights norm(String name, String role, long size, String source, String nextStep, NormType type) {
        Shape shape = Shape.of(size);
        return new NormWeights(
                visitor.visit(
                        new ExpectedTensor(
                                ParameterNames.weight(name),
                                role + " weight",
                                shape,
                                Fit.EXACT,
                                source,
                                true,
                                nextStep),
                        0,
                        1),
                visitor.visit(type == NormType.RMS_NORM ? noBias(name, role) : bias(name, role, shape, source), 0, 1));
    }

    /** The bias of an RMSNorm, which must not be stored, because it would have no effect. */
    private static ExpectedTensor noBias(String part, String role) {
        String source = "norm_type '" + NormType.RMS_NORM.configName() + "' in config.json";
        return new ExpectedTensor(ParameterNames.bias(part), role + " bias", Shape.of(), Fit.ABSENT, source, false, "");
    }

    /**
     * A bias is required in three cases: in a published model that is read from its own config; in a published
     * dialect, outside the layers; and in the layers, if other biases of the layers are stored. Otherwise it may be
     * absent, because a module can be built without one.
     */
    private ExpectedTensor bias(String part, String role, Shape shape, String source) {
        String name = ParameterNames.bias(part);
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
