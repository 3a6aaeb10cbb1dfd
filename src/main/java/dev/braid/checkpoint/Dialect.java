package dev.braid.checkpoint;

import dev.braid.checkpoint.ModalityNames.Projection;
import dev.braid.tensor.Activation;
import java.util.Map;
import java.util.Optional;

/**
 * The tensor names that one kind of training code uses for the parts of a model. To support another spelling, add a
 * constant.
 *
 * @param title its name in messages
 * @param published whether these are the names of a published model. The checkpoints of such a model also hold tensors
 *     that the encoder does not need, such as those of towers and heads, and all names have the encoder's prefix. In
 *     other models, parts around the layers may have a shorter prefix
 * @param stack the part of a name between the encoder's prefix and the number of a layer
 * @param layer the names of a layer's parts, which follow the layer's number
 * @param model the names of the parts around the layers, which follow the encoder's prefix
 * @param usualKind what its layers compute unless the config says otherwise
 */
record Dialect(
        String title, boolean published, String stack, LayerTensorNames layer, ModelNames model, LayerKind usualKind) {

    static final Dialect TORCH = own("torch.nn.TransformerEncoder", LayerTensorNames.TORCH, LayerKind.TORCH);
    static final Dialect SELF_ATTENTION = own(
            "SelfAttention layers (query_proj, key_proj, value_proj)",
            LayerTensorNames.SELF_ATTENTION,
            LayerKind.TORCH);
    static final Dialect LLAMA =
            own("Llama layers (q_proj, k_proj, v_proj, o_proj)", LayerTensorNames.LLAMA, LayerKind.LLAMA);
    static final Dialect TORCH_DECODER =
            own("torch.nn.TransformerDecoder", LayerTensorNames.TORCH_DECODER, LayerKind.TORCH);
    static final Dialect CROSS_ATTENTION =
            own("torch.nn.MultiheadAttention layers", LayerTensorNames.CROSS_ATTENTION, LayerKind.TORCH);
    static final Dialect CROSS_FIRST = own(
            "layers of torch.nn.TransformerDecoder's parts, cross-attention first",
            LayerTensorNames.CROSS_FIRST,
            LayerKind.TORCH);
    static final Dialect LLAMA_DECODER =
            own("Llama layers with cross-attention (cross_attn)", LayerTensorNames.LLAMA_DECODER, LayerKind.LLAMA);
    static final Dialect LLAMA_CROSS_ATTENTION = own(
            "Llama layers of cross-attention (cross_attn)", LayerTensorNames.LLAMA_CROSS_ATTENTION, LayerKind.LLAMA);
    static final Dialect LLAMA_CROSS_FIRST = own(
            "Llama layers with cross-attention (cross_attn) first",
            LayerTensorNames.LLAMA_CROSS_FIRST,
            LayerKind.LLAMA);

    /** The names of a user's own model: numbered layers, with parts of the usual names around them. */
    private static Dialect own(String title, LayerTensorNames layer, LayerKind usualKind) {
        return new Dialect(title, false, "layers.", layer, ModelNames.usual("norm.*"), usualKind);
    }

    /** Properties of the layers that do not follow from the tensors. */
    record LayerKind(
            boolean normFirst, NormType normType, float layerNormEps, Activation activation, boolean gatedFeedForward) {
        static final LayerKind TORCH = new LayerKind(false, 1e-5f, Activation.RELU);
        static final LayerKind PRE_NORM_GELU = new LayerKind(true, 1e-12f, Activation.GELU);
        static final LayerKind POST_NORM_GELU = new LayerKind(false, 1e-12f, Activation.GELU);
        static final LayerKind LLAMA = new LayerKind(true, NormType.RMS_NORM, 1e-5f, Activation.SILU, true);

        private LayerKind(boolean normFirst, float layerNormEps, Activation activation) {
            this(normFirst, NormType.LAYER_NORM, layerNormEps, activation, false);
        }
    }

    /**
     * The names of the parts around the layers; null for a part that the dialect does not have.
     *
     * @param modalities the names for each possible modality; empty if any modality is possible, with the usual names
     */
    record ModelNames(
            ParameterNames clsToken,
            ParameterNames embeddingNorm,
            ParameterNames finalNorm,
            ParameterNames pooler,
            Map<String, ModalityNames> modalities) {

        static ModelNames usual(String finalNorm) {
            return new ModelNames(
                    ParameterNames.of("cls_token"),
                    ParameterNames.of("embedding_layer_norm.*"),
                    ParameterNames.of(finalNorm),
                    ParameterNames.of("pooler.dense.*"),
                    Map.of());
        }

        ModalityNames modality(String name) {
            return modalities.isEmpty()
                    ? ModalityNames.usual(name)
                    : modalities.getOrDefault(name, ModalityNames.projection(null));
        }

        /** Whether a model of this dialect may have a modality of this name. */
        boolean knows(String modality) {
            return modalities.isEmpty() || modalities.containsKey(modality);
        }

        /** The modality whose projection has this tensor as its weight. */
        Optional<String> projected(String tensor) {
            return modalities.isEmpty()
                    ? ModalityNames.projected(tensor)
                    : modalities.keySet().stream()
                            .filter(name ->
                                    isWeight(tensor, modalities.get(name).projection()))
                            .findFirst();
        }

        private static boolean isWeight(String tensor, Projection projection) {
            return projection != null
                    && projection.linear().names().stream()
                            .map(ParameterNames::weight)
                            .anyMatch(name -> tensor.equals(name) || tensor.endsWith("." + name));
        }
    }
}
