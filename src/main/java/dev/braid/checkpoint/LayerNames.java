package dev.braid.checkpoint;

import java.util.List;

/**
 * The names of an encoder layer's parts.
 *
 * @param norm1 the LayerNorm of attention, before or behind it
 * @param norm2 the LayerNorm of the feed-forward, before or behind it
 * @param oneBias whether one flag of the module gives all parts of all layers a bias or none; otherwise each part has its own
 */
record LayerNames(
        Part query,
        Part key,
        Part value,
        Part output,
        Part feedForward1,
        Part feedForward2,
        Part norm1,
        Part norm2,
        boolean oneBias) {

    /** torch.nn.TransformerEncoderLayer: the rows of one matrix are query, key and value. */
    static final LayerNames TORCH = new LayerNames(
            Part.slice(0, 3, "self_attn.in_proj_*"),
            Part.slice(1, 3, "self_attn.in_proj_*"),
            Part.slice(2, 3, "self_attn.in_proj_*"),
            Part.of("self_attn.out_proj.*"),
            Part.of("linear1.*"),
            Part.of("linear2.*"),
            Part.of("norm1.*"),
            Part.of("norm2.*"),
            true);

    /** A layer written from scratch around a SelfAttention module, and as a widespread listing of it spells it. */
    static final LayerNames SELF_ATTENTION = new LayerNames(
            Part.of("self_attention.query_proj.*", "self_attntion.query_proj.*"),
            Part.of(
                    "self_attention.key_proj.*",
                    "self_attention.ke_proj.*",
                    "self_attntion.key_proj.*",
                    "self_attntion.ke_proj.*"),
            Part.of("self_attention.value_proj.*", "self_attntion.value_proj.*"),
            Part.of("self_attention.out_proj.*", "self_attntion.out_proj.*"),
            Part.of("feed_forward_network.0.*"),
            Part.of("feed_forward_network.2.*"),
            Part.of("norm1.*"),
            Part.of("norm2.*"),
            false);

    /** torchmultimodal's TransformerEncoderLayer; its MLP has a dropout between the Linears where it was trained with one. */
    static final LayerNames TORCHMULTIMODAL = new LayerNames(
            Part.of("attention.query.*"),
            Part.of("attention.key.*"),
            Part.of("attention.value.*"),
            Part.of("attention.output.*"),
            Part.of("feedforward.model.0.*"),
            Part.of("feedforward.model.2.*", "feedforward.model.3.*"),
            Part.of("attention_layernorm.*"),
            Part.of("feedforward_layernorm.*"),
            true);

    /** Hugging Face's layer of vision Transformers: ViT, FLAVA, ViLT. */
    static final LayerNames VIT = new LayerNames(
            Part.of("attention.attention.query.*"),
            Part.of("attention.attention.key.*"),
            Part.of("attention.attention.value.*"),
            Part.of("attention.output.dense.*"),
            Part.of("intermediate.dense.*"),
            Part.of("output.dense.*"),
            Part.of("layernorm_before.*"),
            Part.of("layernorm_after.*"),
            true);

    /** Hugging Face's layer of BERT. */
    static final LayerNames BERT = new LayerNames(
            Part.of("attention.self.query.*"),
            Part.of("attention.self.key.*"),
            Part.of("attention.self.value.*"),
            Part.of("attention.output.dense.*"),
            Part.of("intermediate.dense.*"),
            Part.of("output.dense.*"),
            Part.of("attention.output.LayerNorm.*"),
            Part.of("output.LayerNorm.*"),
            true);

    List<Part> parts() {
        return List.of(query, key, value, output, feedForward1, feedForward2, norm1, norm2);
    }
}
