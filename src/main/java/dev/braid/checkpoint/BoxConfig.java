package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;

/**
 * The boxes of a modality's tokens: where a region of an image is.
 *
 * @param size numbers of one box
 * @param fusion how they join the token's features
 */
@DefaultSerializer(JavaSerializer.class)
public record BoxConfig(int size, BoxFusion fusion) implements Serializable {}
