package dev.braid.checkpoint;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * What {@code config.json} says, with those defaults that do not depend on the weights. A value is null if its key is
 * broken, or if it depends on the weights or their dialect.
 *
 * @param model the published model whose config this is, or null for a config in this project's own format
 * @param modalities in token order; their number of positions depends on the weights
 * @param positions how positions are encoded; the size of a learned table depends on the weights
 * @param parts the optional parts that the config says the model has or lacks; other parts have no entry
 * @param tensorPrefixes where the state dict keeps a part, by modality name or {@value #ENCODER}
 * @param topology the streams and stacks of the model, or null if it is one stream through one encoder
 */
record WrittenConfig(
        PublishedModel model,
        List<ModalityConfig> modalities,
        Integer hiddenSize,
        Integer layers,
        WrittenLayer layer,
        PositionConfig positions,
        Map<OptionalPart, Boolean> parts,
        Pooling pooling,
        Map<String, String> tensorPrefixes,
        Topology topology) {

    /**
     * Streams, and stacks of layers on them.
     *
     * @param output indices of the streams whose tokens are the fused tokens
     */
    record Topology(List<WrittenStream> streams, List<WrittenStack> stacks, List<Integer> output) {
        Topology withPrefixes(UnaryOperator<String> replaced) {
            return new Topology(
                    streams.stream()
                            .map(stream -> new WrittenStream(
                                    stream.config(), stream.tensor() == null ? null : replaced.apply(stream.tensor())))
                            .toList(),
                    stacks.stream()
                            .map(stack -> stack.published() == null
                                    ? stack.withPrefix(
                                            replaced.apply(stack.prefix().value()))
                                    : stack)
                            .toList(),
                    output);
        }
    }

    /** The key of the encoder in {@code tensor_prefixes}. */
    static final String ENCODER = "encoder";

    /** The same config with every prefix replaced. */
    WrittenConfig withPrefixes(UnaryOperator<String> replaced) {
        Map<String, String> prefixes = new LinkedHashMap<>(tensorPrefixes);
        prefixes.replaceAll((part, prefix) -> replaced.apply(prefix));
        return new WrittenConfig(
                model,
                modalities,
                hiddenSize,
                layers,
                layer,
                positions,
                parts,
                pooling,
                prefixes,
                topology == null ? null : topology.withPrefixes(replaced));
    }

    /** The same config with token ids instead of features for these modalities. */
    WrittenConfig withTokenIds(Set<String> names) {
        return new WrittenConfig(
                model,
                modalities.stream()
                        .map(modality -> names.contains(modality.name()) ? modality.withTokenIds() : modality)
                        .toList(),
                hiddenSize,
                layers,
                layer,
                positions,
                parts,
                pooling,
                tensorPrefixes,
                topology);
    }

    /** Whether enough is known to say which tensors the model has. */
    boolean namesTensors() {
        return modalities != null
                && hiddenSize != null
                && tensorPrefixes != null
                && stacks().stream().allMatch(stack -> stack.layers() != null);
    }

    /** Every stack of layers: one encoder, unless the config describes others. */
    List<WrittenStack> stacks() {
        return topology != null
                ? topology.stacks()
                : List.of(new WrittenStack(
                        model == null ? "" : model.path(),
                        StackConfig.Kind.ENCODER,
                        0,
                        0,
                        layers,
                        layer,
                        new WrittenStack.Prefix("tensor_prefixes." + ENCODER, tensorPrefixes.get(ENCODER))));
    }

    /** The hidden size of a stream. */
    int hiddenSize(int stream) {
        return topology == null
                ? hiddenSize
                : topology.streams().get(stream).config().hiddenSize();
    }

    /** Where the hidden size of a stream comes from, for an error message. */
    String hiddenSource(int stream) {
        return topology == null || hiddenSize(stream) == hiddenSize
                ? source("hidden_size")
                : "hidden_size of stream '"
                        + topology.streams().get(stream).config().name() + "' in config.json";
    }

    /** The stream that a modality's tokens are in. */
    int streamOf(int modality) {
        int stream = 0;
        while (topology != null
                && !topology.streams().get(stream).config().modalities().contains(modality)) {
            stream++;
        }
        return stream;
    }

    /** The dialects that its state dict may have. */
    Collection<Dialect> dialects() {
        return model == null
                ? List.of(Dialect.TORCH, Dialect.SELF_ATTENTION, Dialect.LLAMA, Flava.TORCHMULTIMODAL)
                : List.of(model.dialect());
    }

    /** The next step in an error message about a missing optional part, or empty. */
    String falseIfNone(OptionalPart part) {
        boolean mayLack = model == null && (topology == null || TopologyReader.hasKey(part));
        return mayLack ? "; set " + part.configName() + " to false where the model has none" : "";
    }

    /** A key of the config as the source of a size, for an error message. */
    String source(String key) {
        return (model == null ? "" : model.path()) + key + " in config.json";
    }

    /** Where the sizes of a modality's projection come from, for an error message. */
    String projectionSource(ModalityConfig modality) {
        String sizes = modality.projectedSize() > modality.featureSize() ? "feature_size + box_size" : "feature_size";
        return model == null
                ? "hidden_size and " + sizes + " of '" + modality.name() + "' in config.json"
                : model.path() + "hidden_size and " + model.featureSizeKey(modality.name()) + " in config.json";
    }

    /** Where the sizes of a modality's box projection come from, for an error message. */
    String boxSource(ModalityConfig modality) {
        return model == null
                ? "hidden_size and box_size of '" + modality.name() + "' in config.json"
                : model.path() + "hidden_size and " + model.boxSizeKey(modality.name()) + " in config.json";
    }
}
