package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;
import java.util.List;

/**
 * One stream of tokens of a model. A row's tokens of it are learned ones, then those of modalities; or those of other streams,
 * one after another.
 *
 * @param name in messages and, for learned tokens, in columns
 * @param hiddenSize D, the size of a token
 * @param learnedTokens how many tokens of no modality every row begins with: learned ones, 1 for a CLS token; 1 for the fused vector of
 *     a model of vectors
 * @param modalities indices of its modalities, in token order
 * @param joined indices of the streams whose tokens it copies, in token order; then it has no learned tokens and no modalities
 */
@DefaultSerializer(JavaSerializer.class)
public record StreamConfig(
        String name, int hiddenSize, int learnedTokens, List<Integer> modalities, List<Integer> joined)
        implements Serializable {

    public StreamConfig {
        modalities = List.copyOf(modalities);
        joined = List.copyOf(joined);
    }

    /** Whether it copies tokens of other streams. */
    public boolean isJoined() {
        return !joined.isEmpty();
    }
}
