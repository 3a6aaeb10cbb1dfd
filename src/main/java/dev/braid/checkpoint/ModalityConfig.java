package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;

/**
 * One modality of a model.
 *
 * @param name the modality's name, also a column's: letters, digits and underscores
 * @param featureSize values per token as they come from the table
 */
@DefaultSerializer(JavaSerializer.class)
public record ModalityConfig(String name, int featureSize) implements Serializable {}
