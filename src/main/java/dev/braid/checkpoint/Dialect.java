package dev.braid.checkpoint;

import dev.braid.checkpoint.ModalityNames.Projection;
import java.util.Map;
import java.util.Optional;

/**
 * The names under which training code stores the parts of a model; a spelling that is not known yet is a constant more.
 *
 * @param title as it is shown to people
 * @param published whether these are the names of a published model, whose checkpoints hold more than the encoder needs:
 *     towers, heads. All parts of such a model stand behind the encoder's prefix; those of another may stand above it
 * @param stack what stands between the encoder's prefix and the number of a layer
 * @param layer behind the number of a layer
 * @param model behind the encoder's prefix
 * @param usualKind what its layers are unless the config says otherwise
 */
record Dialect(String title, boolean published, String stack, LayerNames layer, ModelNames model, LayerKind usualKind) {

    static final Dialect TORCH = own("torch.nn.TransformerEncoder", LayerNames.TORCH, LayerKind.TORCH);
    static final Dialect SELF_ATTENTION =
            own("SelfAttention layers (query_proj, key_proj, value_proj)", LayerNames.SELF_ATTENTION, LayerKind.TORCH);
    static final Dialect LLAMA =
            own("Llama layers (q_proj, k_proj, v_proj, o_proj)", LayerNames.LLAMA, LayerKind.LLAMA);
    static final Dialect TORCH_DECODER = own("torch.nn.TransformerDecoder", LayerNames.TORCH_DECODER, LayerKind.TORCH);
    static final Dialect CROSS_ATTENTION =
            own("torch.nn.MultiheadAttention layers", LayerNames.CROSS_ATTENTION, LayerKind.TORCH);
    static final Dialect CROSS_FIRST = own(
            "layers of torch.nn.TransformerDecoder's parts, cross-attention first",
            LayerNames.CROSS_FIRST,
            LayerKind.TORCH);
    static final Dialect LLAMA_DECODER =
            own("Llama layers with cross-attention (cross_attn)", LayerNames.LLAMA_DECODER, LayerKind.LLAMA);
    static final Dialect LLAMA_CROSS_ATTENTION =
            own("Llama layers of cross-attention (cross_attn)", LayerNames.LLAMA_CROSS_ATTENTION, LayerKind.LLAMA);
    static final Dialect LLAMA_CROSS_FIRST =
            own("Llama layers with cross-attention (cross_attn) first", LayerNames.LLAMA_CROSS_FIRST, LayerKind.LLAMA);

    /** The names of a model of one's own: numbered layers, and parts around them of the usual names. */
    private static Dialect own(String title, LayerNames layer, LayerKind usualKind) {
        return new Dialect(title, false, "layers.", layer, ModelNames.usual("norm.*"), usualKind);
    }

    /** What no tensor tells of the layers. */
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
     * The names of the parts around the layers; null for what the dialect has not.
     *
     * @param modalities the only ones that there are, or empty where they are any and have the usual names
     */
    record ModelNames(
            Part clsToken, Part embeddingNorm, Part finalNorm, Part pooler, Map<String, ModalityNames> modalities) {

        static ModelNames usual(String finalNorm) {
            return new ModelNames(
                    Part.of("cls_token"),
                    Part.of("embedding_layer_norm.*"),
                    Part.of(finalNorm),
                    Part.of("pooler.dense.*"),
                    Map.of());
        }

        ModalityNames modality(String name) {
            return modalities.isEmpty()
                    ? ModalityNames.usual(name)
                    : modalities.getOrDefault(name, ModalityNames.projection(null));
        }

        /** Whether a modality may have that name. */
        boolean knows(String modality) {
            return modalities.isEmpty() || modalities.containsKey(modality);
        }

        /** The modality that a tensor is the projection's weight of. */
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
                            .map(Part::weight)
                            .anyMatch(name -> tensor.equals(name) || tensor.endsWith("." + name));
        }
    }
}
