package dev.braid.checkpoint;

import dev.braid.tensor.Activation;
import java.util.List;
import java.util.function.BiFunction;

/**
 * What {@code config.json} says about the layers of a stack: how many there are, and what each of them is. A value is
 * null if its key is broken.
 *
 * @param count the number of layers
 * @param layer what the layers have in common
 */
record WrittenLayers(Integer count, WrittenLayer layer) {
    /** The keys that are read here. */
    static final List<String> KEYS = List.of(
            "num_hidden_layers",
            "num_attention_heads",
            "num_key_value_heads",
            "intermediate_size",
            "hidden_act",
            "norm_first",
            "norm_type",
            "layer_norm_eps");

    /**
     * Reads the values of {@link #KEYS}.
     *
     * @param root the whole config, whose value is used for a key that the stack does not have
     */
    static WrittenLayers read(ConfigObject root, ConfigObject stack) {
        Integer count = stack.size("num_hidden_layers");
        Integer heads = inherited(root, stack, "num_attention_heads", (of, key) -> of.size(key));
        Integer keyValueHeads =
                inherited(root, stack, "num_key_value_heads", (of, key) -> of.has(key) ? of.size(key) : null);
        Activation activation = inherited(
                root,
                stack,
                "hidden_act",
                (of, key) -> of.choice(key, null, ConfigReader.choices(Activation.values(), Activation::configName)));
        NormType normType = inherited(
                root,
                stack,
                "norm_type",
                (of, key) -> of.choice(key, null, ConfigReader.choices(NormType.values(), NormType::configName)));
        Boolean normFirst = inherited(root, stack, "norm_first", (of, key) -> of.flag(key, null));
        Float eps = inherited(root, stack, "layer_norm_eps", ConfigObject::positive);
        Integer intermediateSize = stack.has("intermediate_size") ? stack.size("intermediate_size") : null;
        return new WrittenLayers(
                count, new WrittenLayer(heads, keyValueHeads, intermediateSize, activation, normFirst, normType, eps));
    }

    /** The value of a key in the stack or, if absent, in the whole config. */
    private static <T> T inherited(
            ConfigObject root, ConfigObject stack, String key, BiFunction<ConfigObject, String, T> read) {
        return read.apply(stack.has(key) ? stack : root, key);
    }

    /**
     * Reports numbers of heads that do not divide the hidden sizes of the layers' streams. Returns false if the number
     * of heads or of layers is broken, which is reported already.
     *
     * @param rotates whether heads are rotated, in pairs of numbers
     */
    boolean checkHeads(List<Integer> hiddenSizes, boolean rotates, ConfigObject stack) {
        Integer heads = layer.heads();
        if (heads == null || count == null) {
            return false;
        }
        Integer keyValueHeads = layer.keyValueHeads();
        if (keyValueHeads != null && heads % keyValueHeads != 0) {
            stack.bad(
                    "num_key_value_heads",
                    "a divisor of " + heads + " (num_attention_heads)",
                    keyValueHeads.toString());
        }
        for (int size : hiddenSizes.stream().distinct().toList()) {
            if (size % heads != 0) {
                stack.bad(
                        "num_attention_heads",
                        "a divisor of " + size + " (hidden_size of the stream)",
                        heads.toString());
            } else if (rotates && size / heads % 2 != 0) {
                stack.bad(
                        "num_attention_heads",
                        "heads of an even size (rotary_embeddings)",
                        size / heads + " (hidden_size of the stream / num_attention_heads)");
            }
        }
        return true;
    }
}
