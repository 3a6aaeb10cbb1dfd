package dev.braid.checkpoint;

import java.io.Serializable;

/**
 * The boxes of a modality's tokens: each says which region of an image its token describes.
 *
 * @param size how many numbers a box has
 * @param fusion how a box is combined with the token's features
 */
public record BoxConfig(int size, BoxFusion fusion) implements Serializable {}
