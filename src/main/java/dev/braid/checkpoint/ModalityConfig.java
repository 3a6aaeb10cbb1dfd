package dev.braid.checkpoint;

import java.io.Serializable;

/**
 * One modality of a model.
 *
 * @param name also the default name of its column
 * @param featureSize width of a token's features or, for token ids, of a word embedding
 * @param boxes the box that each token has after its features, or null
 * @param vocabularySize rows of its word embeddings, so the number of valid token ids; 0 if the model stores none
 * @param tokenIds whether its tokens enter as ids instead of features; only with a vocabulary
 * @param maxPositions rows of its position table, so the length of the longest sequence; {@link #UNLIMITED} without a
 *     table
 */
public record ModalityConfig(
        String name, int featureSize, BoxConfig boxes, int vocabularySize, boolean tokenIds, int maxPositions)
        implements Serializable {
    public static final int UNLIMITED = Integer.MAX_VALUE;

    /** The largest vocabulary: a token's id is packed as a float, which holds every integer up to this one. */
    public static final int MOST_WORDS = 1 << 24;

    /** A modality of features, without position table. */
    public ModalityConfig(String name, int featureSize) {
        this(name, featureSize, UNLIMITED);
    }

    /** A modality of features. */
    public ModalityConfig(String name, int featureSize, int maxPositions) {
        this(name, featureSize, null, 0, false, maxPositions);
    }

    /** How many numbers a packed token has: its id, or its features followed by its box. */
    public int tokenSize() {
        return tokenIds ? 1 : featureSize + boxSize();
    }

    /** How many numbers a token's box has; 0 without boxes. */
    public int boxSize() {
        return boxes == null ? 0 : boxes.size();
    }

    /** How many numbers of a token the projection of its features reads: with the box, if it is concatenated. */
    public int projectedSize() {
        return boxes != null && boxes.fusion() == BoxFusion.CONCATENATE ? featureSize + boxes.size() : featureSize;
    }

    /** Whether both are the same modality, even if one enters as features and the other one as token ids. */
    public boolean isSame(ModalityConfig other) {
        return new ModalityConfig(name, featureSize, boxes, vocabularySize, other.tokenIds, maxPositions).equals(other);
    }

    ModalityConfig withVocabulary(int words) {
        return new ModalityConfig(name, featureSize, boxes, words, tokenIds, maxPositions);
    }

    ModalityConfig withTokenIds() {
        return new ModalityConfig(name, featureSize, boxes, vocabularySize, true, maxPositions);
    }

    /** The same modality with another limit on the length of its sequences. */
    public ModalityConfig withMaxPositions(int positions) {
        return new ModalityConfig(name, featureSize, boxes, vocabularySize, tokenIds, positions);
    }
}
