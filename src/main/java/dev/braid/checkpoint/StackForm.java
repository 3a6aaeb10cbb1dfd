package dev.braid.checkpoint;

import java.util.List;
import java.util.Locale;

/** The kinds of stacks as {@code config.json} spells them: of one stream, by the kind of their layers, and of several. */
enum StackForm {
    ENCODER(StackConfig.Kind.ENCODER),
    DECODER(StackConfig.Kind.DECODER),
    CROSS_ATTENTION(StackConfig.Kind.CROSS_ATTENTION),
    CROSS_FIRST(StackConfig.Kind.CROSS_FIRST),
    BOTTLENECK(StackConfig.Kind.ENCODER),
    CO_ATTENTION(null);

    /** Of its layers; null where the config says it. */
    private final StackConfig.Kind layerKind;

    StackForm(StackConfig.Kind layerKind) {
        this.layerKind = layerKind;
    }

    /** Its keys next to those of every stack. */
    List<String> keys() {
        return switch (this) {
            case ENCODER -> List.of("stream", "prefix");
            case DECODER, CROSS_ATTENTION, CROSS_FIRST -> List.of("stream", "memory", "prefix");
            case BOTTLENECK -> List.of("streams", "prefixes", "bottleneck", "fusion_layer");
            case CO_ATTENTION -> List.of("streams", "prefixes", "layer_kind");
        };
    }

    String configName() {
        return ofSeveralStreams() ? name().toLowerCase(Locale.ROOT) : layerKind.configName();
    }

    boolean ofSeveralStreams() {
        return this == BOTTLENECK || this == CO_ATTENTION;
    }

    /** The kind of its layers; null where the config says it. */
    StackConfig.Kind layerKind() {
        return layerKind;
    }
}
