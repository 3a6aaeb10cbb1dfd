package dev.braid.checkpoint;

import java.util.List;
import java.util.Locale;

/**
 * The values of {@code kind} in a stack of {@code config.json}. A stack on one stream has the kind of its layers; the
 * last two forms are on several streams.
 */
enum StackForm {
    ENCODER(StackConfig.Kind.ENCODER),
    DECODER(StackConfig.Kind.DECODER),
    CROSS_ATTENTION(StackConfig.Kind.CROSS_ATTENTION),
    CROSS_FIRST(StackConfig.Kind.CROSS_FIRST),
    BOTTLENECK(StackConfig.Kind.ENCODER),
    CO_ATTENTION(null);

    /** The kind of the layers; null if the config gives it. */
    private final StackConfig.Kind layerKind;

    StackForm(StackConfig.Kind layerKind) {
        this.layerKind = layerKind;
    }

    /** The keys of a stack of this form, besides those that every stack has. */
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

    /** The kind of the layers; null if the config gives it. */
    StackConfig.Kind layerKind() {
        return layerKind;
    }
}
