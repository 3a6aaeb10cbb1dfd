package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;

/**
 * The boxes of a modality's tokens: each says which region of an image its token describes.
 *
 * @param size how many numbers a box has
 * @param fusion how a box is combined with the token's features
 */
@DefaultSerializer(JavaSerializer.class)
public record BoxConfig(int size, BoxFusion fusion) implements Serializable {}
