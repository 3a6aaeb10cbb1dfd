package dev.braid.checkpoint;

import dev.braid.checkpoint.LayerTensorNames.AttentionNames;
import dev.braid.checkpoint.ParameterTensors.Linear;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * The tensors of the layers of one stack.
 *
 * @param stack what the config says about the stack
 * @param stored what was found in the weights
 * @param role the beginning of the tensors' roles, or empty
 */
record LayerTensors(
        WrittenConfig config,
        WrittenStack stack,
        StoredStack stored,
        String role,
        Set<String> names,
        NormType normType,
        boolean attentionOutputProjection,
        boolean gatedFeedForward) {

    LayerWeights layer(ParameterTensors parts, int number) {
        String prefix = stored.location().layer(number);
        String ofLayer = role + "layer " + number + " ";
        Boolean qkvBias = config.parts().get(OptionalPart.QKV_BIAS);
        int d = hiddenSize();
        Linear query = new Linear(d, d, hidden(), qkvBias, "");
        Linear output = attentionOutputProjection
                ? new Linear(d, d, hidden(), null, config.falseIfNone(OptionalPart.ATTENTION_OUTPUT_PROJECTION))
                : null;
        List<AttentionWeights> attentions = new ArrayList<>();
        for (AttentionNames attention : dialect().layer().attentions()) {
            boolean cross = stack.kind().readsMemory(attentions.size());
            int keySize = cross ? config.hiddenSize(stack.memory()) : d;
            String source = keyValueSource() + (keySize == d ? "" : " and " + config.hiddenSource(stack.memory()));
            Linear key = new Linear(keyValueSize(), keySize, source, qkvBias, "");
            String ofAttention = ofLayer + (cross ? "cross-attention " : "");
            String memorySource = cross && normsMemory() ? config.hiddenSource(stack.memory()) : null;
            attentions.add(parts.attention(attention, prefix, ofAttention, query, key, output, memorySource, normType));
        }
        boolean hasFeedForward = stored.intermediateSize() != StoredStack.NONE;
        return new LayerWeights(attentions, hasFeedForward ? feedForward(parts, prefix, ofLayer) : null);
    }

    private FeedForwardWeights feedForward(ParameterTensors parts, String prefix, String ofLayer) {
        LayerTensorNames layer = dialect().layer();
        int d = hiddenSize();
        int f = stored.intermediateSize();
        String source = stored.intermediateSource() + " and " + hidden();
        Linear first = new Linear(f, d, source, null, "");
        Linear up = new Linear(f, d, source, null, config.falseIfNone(OptionalPart.GATED_FEED_FORWARD));
        Linear second = new Linear(d, f, source, null, "");
        String of = ofLayer + "feed-forward ";
        String norm = layer.feedForwardNorm().in(names, prefix);
        return new FeedForwardWeights(
                parts.linear(layer.feedForward1(), prefix, of + (gatedFeedForward ? "gate" : "1"), first),
                gatedFeedForward && layer.feedForwardUp() != null
                        ? parts.linear(layer.feedForwardUp(), prefix, of + "up", up)
                        : null,
                parts.linear(layer.feedForward2(), prefix, of + (gatedFeedForward ? "down" : "2"), second),
                parts.norm(norm, of + "norm", d, hidden(), "", normType));
    }

    /** Whether cross-attention normalises the tokens that it reads: if one layer has such a norm, all must have it. */
    private boolean normsMemory() {
        return stored.layers().stream()
                .map(stored.location()::layer)
                .anyMatch(layer -> ParameterNames.isStored(LayerTensorNames.MEMORY_NORM.in(names, layer), names));
    }

    private Dialect dialect() {
        return stored.location().dialect();
    }

    private int hiddenSize() {
        return config.hiddenSize(stack.stream());
    }

    private String hidden() {
        return config.hiddenSource(stack.stream());
    }

    /** Whether queries, keys and values are thirds of one tensor. */
    private boolean sharesRowsWithQuery() {
        return dialect().layer().query().slices() > 1;
    }

    private boolean isGrouped() {
        return stack.layer().keyValueHeads() != null && !sharesRowsWithQuery();
    }

    /**
     * The size of a token's keys; {@link StoredStack#UNKNOWN} if the number of heads is broken, which is reported
     * elsewhere.
     */
    private int keyValueSize() {
        Integer heads = stack.layer().heads();
        if (!isGrouped()) {
            return hiddenSize();
        }
        return heads == null || hiddenSize() % heads != 0
                ? StoredStack.UNKNOWN
                : hiddenSize() / heads * stack.layer().keyValueHeads();
    }

    private String keyValueSource() {
        return isGrouped() ? "num_key_value_heads, num_attention_heads and " + hidden() : hidden();
    }

    /** Problems with keys of the config for which the dialect has no tensors. */
    List<String> unfitKeys() {
        List<String> unfit = new ArrayList<>();
        WrittenLayer layer = stack.layer();
        if (layer.isGrouped() && sharesRowsWithQuery()) {
            unfit.add("Cannot use 'num_key_value_heads' in config.json: expected " + layer.heads()
                    + " (num_attention_heads; " + dialect().title() + " has keys and values for every head), got "
                    + layer.keyValueHeads());
        }
        if (gatedFeedForward && dialect().layer().feedForwardUp() == null) {
            unfit.add("Cannot use 'gated_feed_forward' in config.json: expected false ("
                    + dialect().title() + " has two Linears in a feed-forward), got true");
        }
        return unfit;
    }
}
