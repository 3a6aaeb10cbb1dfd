package dev.braid.checkpoint;

import java.util.Collection;
import java.util.List;
import java.util.Map;

/**
 * What {@code config.json} says, defaults filled in where they do not depend on the weights. Null stands where a key is
 * broken, or left to the weights or their dialect.
 *
 * @param model whose config it is, or null for one of this project's own
 * @param modalities in token order; how many positions they have is left to the weights
 * @param parts what the config says that the model has or lacks; it need not speak of a part
 * @param tensorPrefixes where the state dict keeps a part, by modality name or {@value #ENCODER}
 */
record WrittenConfig(
        HuggingFaceModel model,
        List<ModalityConfig> modalities,
        Integer hiddenSize,
        Integer layers,
        Integer heads,
        Integer intermediateSize,
        Activation activation,
        Boolean normFirst,
        Float layerNormEps,
        Map<OptionalPart, Boolean> parts,
        Pooling pooling,
        Map<String, String> tensorPrefixes) {

    /** The key of the encoder in {@code tensor_prefixes}. */
    static final String ENCODER = "encoder";

    /** Whether enough is known to say which tensors the model has. */
    boolean namesTensors() {
        return modalities != null && hiddenSize != null && layers != null && tensorPrefixes != null;
    }

    /** The dialects that its state dict may have. */
    Collection<Dialect> dialects() {
        return model == null
                ? List.of(Dialect.TORCH, Dialect.SELF_ATTENTION, Dialect.TORCHMULTIMODAL_FLAVA)
                : List.of(model.dialect());
    }

    /** A key as an error message names the source of a size. */
    String source(String key) {
        return (model == null ? "" : model.path()) + key + " in config.json";
    }

    /** The sizes of a projection as an error message names their source. */
    String projectionSource(String modality) {
        return model == null
                ? "hidden_size and feature_size of '" + modality + "' in config.json"
                : model.path() + "hidden_size and " + model.featureSizeKey(modality) + " in config.json";
    }
}
