package dev.braid.checkpoint;

import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * The tensor names of a layer's parts.
 *
 * @param attentions in the order in which they run
 * @param feedForward1 the first Linear; in a gated feed-forward the gate
 * @param feedForwardUp what the gate is multiplied by; null if the dialect has no gate
 * @param feedForwardNorm the LayerNorm of the feed-forward, before or after it
 * @param oneBias whether one flag of the module decides if all parts of all layers have a bias; otherwise each part
 *     decides
 */
record LayerTensorNames(
        List<AttentionNames> attentions,
        ParameterNames feedForward1,
        ParameterNames feedForwardUp,
        ParameterNames feedForward2,
        ParameterNames feedForwardNorm,
        boolean oneBias) {

    /** The norm of the tokens that cross-attention reads, which only some layers have. */
    static final ParameterNames MEMORY_NORM = ParameterNames.of("memory_norm.*");

    /**
     * The tensor names of one attention's parts.
     *
     * @param norm its LayerNorm, before or after it
     * @param separate the names of the weights if the tokens for keys have another size than those for queries; null if
     *     they do not change
     */
    record AttentionNames(
            ParameterNames query,
            ParameterNames key,
            ParameterNames value,
            ParameterNames output,
            ParameterNames norm,
            SeparateProjections separate) {

        /** torch.nn.MultiheadAttention: query, key and value have one third each of the rows of one matrix. */
        static AttentionNames torch(String module, String norm) {
            return new AttentionNames(
                    ParameterNames.slice(0, 3, module + ".in_proj_*"),
                    ParameterNames.slice(1, 3, module + ".in_proj_*"),
                    ParameterNames.slice(2, 3, module + ".in_proj_*"),
                    ParameterNames.of(module + ".out_proj.*"),
                    ParameterNames.of(norm + ".*"),
                    new SeparateProjections(
                            ParameterNames.of(module + ".q_proj_weight"),
                            ParameterNames.of(module + ".k_proj_weight"),
                            ParameterNames.of(module + ".v_proj_weight")));
        }

        /** Separate Linears for queries, keys and values. */
        static AttentionNames apart(String module, String norm) {
            return of(
                    ParameterNames.of(module + ".q_proj.*"),
                    ParameterNames.of(module + ".k_proj.*"),
                    ParameterNames.of(module + ".v_proj.*"),
                    ParameterNames.of(module + ".o_proj.*"),
                    ParameterNames.of(norm + ".*"));
        }

        static AttentionNames of(
                ParameterNames query,
                ParameterNames key,
                ParameterNames value,
                ParameterNames output,
                ParameterNames norm) {
            return new AttentionNames(query, key, value, output, norm, null);
        }

        Stream<ParameterNames> parts() {
            return Stream.of(query, key, value, output, norm, MEMORY_NORM);
        }
    }

    /**
     * The weights of torch.nn.MultiheadAttention with {@code kdim} and {@code vdim}. The biases are still one tensor.
     */
    record SeparateProjections(ParameterNames query, ParameterNames key, ParameterNames value) {}

    /** torch.nn.TransformerEncoderLayer. */
    static final LayerTensorNames TORCH = new LayerTensorNames(
            List.of(AttentionNames.torch("self_attn", "norm1")),
            ParameterNames.of("linear1.*"),
            ParameterNames.of("linear3.*"),
            ParameterNames.of("linear2.*"),
            ParameterNames.of("norm2.*"),
            true);

    /** torch.nn.TransformerDecoderLayer. */
    static final LayerTensorNames TORCH_DECODER =
            decoder(AttentionNames.torch("self_attn", "norm1"), AttentionNames.torch("multihead_attn", "norm2"));

    /**
     * The parts of torch.nn.TransformerDecoderLayer, cross-attention first; norms are numbered in the order of the
     * layer.
     */
    static final LayerTensorNames CROSS_FIRST =
            decoder(AttentionNames.torch("multihead_attn", "norm1"), AttentionNames.torch("self_attn", "norm2"));

    /** torch.nn.TransformerDecoderLayer without its self-attention; the feed-forward may be absent. */
    static final LayerTensorNames CROSS_ATTENTION = crossAttention(AttentionNames.torch("multihead_attn", "norm1"));

    private static LayerTensorNames decoder(AttentionNames first, AttentionNames second) {
        return new LayerTensorNames(
                List.of(first, second),
                ParameterNames.of("linear1.*"),
                ParameterNames.of("linear3.*"),
                ParameterNames.of("linear2.*"),
                ParameterNames.of("norm3.*"),
                true);
    }

    private static LayerTensorNames crossAttention(AttentionNames attention) {
        return new LayerTensorNames(
                List.of(attention),
                ParameterNames.of("linear1.*"),
                ParameterNames.of("linear3.*"),
                ParameterNames.of("linear2.*"),
                ParameterNames.of("norm2.*"),
                false);
    }

    /** A hand-written layer around a SelfAttention module, also with the misspelled names of a widespread listing. */
    static final LayerTensorNames SELF_ATTENTION = new LayerTensorNames(
            List.of(AttentionNames.of(
                    ParameterNames.of("self_attention.query_proj.*", "self_attntion.query_proj.*"),
                    ParameterNames.of(
                            "self_attention.key_proj.*",
                            "self_attention.ke_proj.*",
                            "self_attntion.key_proj.*",
                            "self_attntion.ke_proj.*"),
                    ParameterNames.of("self_attention.value_proj.*", "self_attntion.value_proj.*"),
                    ParameterNames.of("self_attention.out_proj.*", "self_attntion.out_proj.*"),
                    ParameterNames.of("norm1.*"))),
            ParameterNames.of("feed_forward_network.0.*"),
            null,
            ParameterNames.of("feed_forward_network.2.*"),
            ParameterNames.of("norm2.*"),
            false);

    private static final AttentionNames LLAMA_SELF = AttentionNames.apart("self_attn", "input_layernorm");

    /** A layer of Llama, or of an encoder built from its modules. */
    static final LayerTensorNames LLAMA = llama(LLAMA_SELF);

    /** A Llama layer with cross-attention after self-attention. */
    static final LayerTensorNames LLAMA_DECODER =
            llama(LLAMA_SELF, AttentionNames.apart("cross_attn", "cross_attn_layernorm"));

    /** A Llama layer with cross-attention before self-attention. */
    static final LayerTensorNames LLAMA_CROSS_FIRST =
            llama(AttentionNames.apart("cross_attn", "cross_attn_layernorm"), LLAMA_SELF);

    /** A Llama layer with cross-attention instead of self-attention, as in Llama 3.2 Vision. */
    static final LayerTensorNames LLAMA_CROSS_ATTENTION = llama(AttentionNames.apart("cross_attn", "input_layernorm"));

    private static LayerTensorNames llama(AttentionNames... attentions) {
        return new LayerTensorNames(
                List.of(attentions),
                ParameterNames.of("mlp.gate_proj.*"),
                ParameterNames.of("mlp.up_proj.*"),
                ParameterNames.of("mlp.down_proj.*"),
                ParameterNames.of("post_attention_layernorm.*"),
                false);
    }

    /** Hugging Face's layer of vision Transformers: ViT, FLAVA, ViLT. */
    static final LayerTensorNames VIT = new LayerTensorNames(
            List.of(AttentionNames.of(
                    ParameterNames.of("attention.attention.query.*"),
                    ParameterNames.of("attention.attention.key.*"),
                    ParameterNames.of("attention.attention.value.*"),
                    ParameterNames.of("attention.output.dense.*"),
                    ParameterNames.of("layernorm_before.*"))),
            ParameterNames.of("intermediate.dense.*"),
            null,
            ParameterNames.of("output.dense.*"),
            ParameterNames.of("layernorm_after.*"),
            true);

    /** Hugging Face's layer of BERT. */
    static final LayerTensorNames BERT = new LayerTensorNames(
            List.of(AttentionNames.of(
                    ParameterNames.of("attention.self.query.*"),
                    ParameterNames.of("attention.self.key.*"),
                    ParameterNames.of("attention.self.value.*"),
                    ParameterNames.of("attention.output.dense.*"),
                    ParameterNames.of("attention.output.LayerNorm.*"))),
            ParameterNames.of("intermediate.dense.*"),
            null,
            ParameterNames.of("output.dense.*"),
            ParameterNames.of("output.LayerNorm.*"),
            true);

    /** The query by which a layer is recognised: that of its first attention. */
    ParameterNames query() {
        return attentions.get(0).query();
    }

    /** The names of that query: the usual one, and the one that is used if keys have another size. */
    List<ParameterNames> queries() {
        SeparateProjections separate = attentions.get(0).separate();
        return separate == null ? List.of(query()) : List.of(query(), separate.query());
    }

    List<ParameterNames> parts() {
        return Stream.concat(
                        attentions.stream().flatMap(AttentionNames::parts),
                        Stream.of(feedForward1, feedForwardUp, feedForward2, feedForwardNorm))
                .filter(Objects::nonNull)
                .toList();
    }
}
