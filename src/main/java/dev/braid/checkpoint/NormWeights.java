package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * A LayerNorm or RMSNorm.
 *
 * @param weight [hidden size]
 * @param bias [hidden size], or null where the norm has none, as no RMSNorm has
 */
@DefaultSerializer(JavaSerializer.class)
public record NormWeights(StoredTensor weight, StoredTensor bias) implements Serializable {

    Stream<StoredTensor> tensors() {
        return Stream.of(weight, bias).filter(Objects::nonNull);
    }
}
