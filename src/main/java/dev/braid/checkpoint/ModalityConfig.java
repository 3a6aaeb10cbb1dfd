package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;

/**
 * One modality of a model.
 *
 * @param name also the default name of its column
 * @param featureSize width of a token as it enters
 * @param maxPositions rows of its position table, so the longest sequence; {@link #UNLIMITED} where it has none
 */
@DefaultSerializer(JavaSerializer.class)
public record ModalityConfig(String name, int featureSize, int maxPositions) implements Serializable {
    public static final int UNLIMITED = Integer.MAX_VALUE;

    /** A modality without position table. */
    public ModalityConfig(String name, int featureSize) {
        this(name, featureSize, UNLIMITED);
    }
}
