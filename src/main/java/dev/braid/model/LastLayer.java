package dev.braid.model;

import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.StackConfig;
import java.util.List;

/** Says what the last layer of a model can skip if only pooled vectors are read. */
final class LastLayer {
    private LastLayer() {}

    /** Whether the last layer can skip all tokens but the pooled one of each row. */
    static boolean pools(ModelConfig config) {
        if (config.stacks().isEmpty()) {
            return false;
        }
        List<List<StackConfig>> stacks = config.interleavedStacks();
        return stacks.get(stacks.size() - 1).stream().anyMatch(stack -> isPooled(stack, config));
    }

    /** Whether the pooling reads one token, from the stream that this stack changes. */
    static boolean isPooled(StackConfig stack, ModelConfig config) {
        return config.pooling().readsOneToken() && config.changedStream(stack) == pooledStream(config);
    }

    /** The stream of the token that the pooling reads, if it reads one token. */
    static int pooledStream(ModelConfig config) {
        return config.output()
                .get(config.pooling() == Pooling.LAST ? config.output().size() - 1 : 0);
    }
}
