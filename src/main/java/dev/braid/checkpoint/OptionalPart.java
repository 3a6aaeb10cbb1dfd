package dev.braid.checkpoint;

/** A part that a model may have or lack; its {@code configName} is the key of config.json for it. */
enum OptionalPart {
    ATTENTION_OUTPUT_PROJECTION("attention_output_projection"),
    QKV_BIAS("qkv_bias"),
    GATED_FEED_FORWARD("gated_feed_forward"),
    CLS_TOKEN("cls_token"),
    MODALITY_EMBEDDINGS("modality_embeddings"),
    POSITION_EMBEDDINGS("position_embeddings"),
    CONCATENATED_POSITION_EMBEDDINGS("position_embeddings"),
    EMBEDDING_LAYER_NORM("embedding_layer_norm"),
    FINAL_LAYER_NORM("final_layer_norm");

    private final String configName;

    OptionalPart(String configName) {
        this.configName = configName;
    }

    String configName() {
        return configName;
    }
}
