package dev.braid.checkpoint;

import java.util.List;
import java.util.Map;

/**
 * What {@code config.json} says, defaults filled in. Null stands where a key is broken, and as {@code intermediateSize}
 * where it is left to the weights.
 *
 * @param tensorPrefixes where the state dict keeps a part, by modality name or {@value #ENCODER}
 */
record WrittenConfig(
        List<ModalityConfig> modalities,
        Integer hiddenSize,
        Integer layers,
        Integer heads,
        Integer intermediateSize,
        Activation activation,
        Float layerNormEps,
        Boolean attentionOutputProjection,
        Pooling pooling,
        Map<String, String> tensorPrefixes) {

    /** The key of the encoder in {@code tensor_prefixes}. */
    static final String ENCODER = "encoder";

    /** Whether enough is known to say which tensors the model has. */
    boolean namesTensors() {
        return modalities != null
                && hiddenSize != null
                && layers != null
                && attentionOutputProjection != null
                && tensorPrefixes != null;
    }

    /** The architecture, once nothing is broken. */
    ModelConfig toModelConfig(int weightsIntermediateSize) {
        return new ModelConfig(
                modalities,
                hiddenSize,
                layers,
                heads,
                weightsIntermediateSize,
                activation,
                false,
                layerNormEps,
                attentionOutputProjection,
                false,
                pooling);
    }
}
