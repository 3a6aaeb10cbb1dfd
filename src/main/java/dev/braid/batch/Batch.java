package dev.braid.batch;

import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;

/**
 * Rows packed side by side, in order, without one padded token: the reused container of one thread.
 *
 * <p>Each modality's features lie densely in a buffer of their own, [modalityTokens, featureSize], row after row. The
 * packed token order, which everything after the projection uses, is row after row as well and, within a row, modality
 * after modality in the model's order, behind the tokens that the model itself puts first.
 */
public final class Batch {
    private final int modalities;
    private final int leadingTokens;
    private final int maxTokens;
    private final List<FloatBuffer> features;
    /** Index of a row's first packed token; one more entry than rows. */
    private final int[] firstTokens;
    /** Tokens of row r in modality m, at [r * modalities + m]. */
    private final int[] lengths;

    /** Per modality the original position of each token in its feature buffer. */
    private final int[][] positions;

    private final int[] modalityTokens;
    private int rows;

    /**
     * An empty batch over the buffers of one workspace.
     *
     * @param features per modality a buffer of {@code maxTokens x featureSize} floats
     * @param leadingTokens tokens that the model puts before a row's own, such as CLS
     * @param maxTokens the token budget: no batch holds more tokens than this
     */
    public Batch(List<FloatBuffer> features, int leadingTokens, int maxTokens) {
        this.modalities = features.size();
        this.leadingTokens = leadingTokens;
        this.maxTokens = maxTokens;
        this.features = List.copyOf(features);
        this.firstTokens = new int[maxTokens / modalities + 1];
        this.lengths = new int[maxTokens];
        this.positions = new int[modalities][maxTokens];
        this.modalityTokens = new int[modalities];
    }

    /** Whether a row can still be added whose modalities have so many tokens together. */
    public boolean fits(int tokens) {
        return tokens <= maxTokens - tokens() - leadingTokens;
    }

    /**
     * Packs one row behind the others.
     *
     * @param byModality one sequence per modality, of at least one token each; their sum must {@link #fits fit}
     * @return false if a feature is NaN or infinite; the batch is then as it was before
     * @throws IllegalArgumentException if the row does not fit, or a modality is missing or empty
     */
    public boolean add(List<FeatureSequence> byModality) {
        if (byModality.size() != modalities) {
            throw new IllegalArgumentException("expected " + modalities + " sequences, got " + byModality.size());
        }
        int end = tokens() + leadingTokens;
        for (int m = 0; m < modalities; m++) {
            int length = byModality.get(m).tokens();
            if (length < 1 || length > maxTokens - end) {
                throw new IllegalArgumentException("a sequence of " + length + " tokens does not fit behind " + end
                        + " of " + maxTokens + " tokens");
            }
            lengths[rows * modalities + m] = length;
            end += length;
        }
        for (int m = 0; m < modalities; m++) {
            FloatBuffer buffer = features.get(m);
            int start = buffer.position();
            FeatureSequence sequence = byModality.get(m);
            if (!sequence.copyTo(buffer, 0, sequence.tokens())) {
                buffer.position(start);
                for (int before = 0; before < m; before++) {
                    rewind(before, byModality.get(before).tokens());
                }
                return false;
            }
        }
        for (int m = 0; m < modalities; m++) {
            FeatureSequence sequence = byModality.get(m);
            for (int t = 0; t < sequence.tokens(); t++) {
                positions[m][modalityTokens[m] + t] = sequence.position(t);
            }
            modalityTokens[m] += sequence.tokens();
        }
        rows++;
        firstTokens[rows] = end;
        return true;
    }

    private void rewind(int modality, int tokens) {
        FloatBuffer buffer = features.get(modality);
        buffer.position(buffer.position() - tokens * (buffer.capacity() / maxTokens));
    }

    /** Forgets all rows; the next one is packed at the start again. */
    public void clear() {
        rows = 0;
        features.forEach(FloatBuffer::clear);
        Arrays.fill(modalityTokens, 0);
    }

    public int modalities() {
        return modalities;
    }

    public int rows() {
        return rows;
    }

    public boolean isEmpty() {
        return rows == 0;
    }

    /** All packed tokens. */
    public int tokens() {
        return firstTokens[rows];
    }

    /** Tokens that the model puts before a row's own. */
    public int leadingTokens() {
        return leadingTokens;
    }

    /** The packed index of a row's first token, a leading one where the model has them. */
    public int firstToken(int row) {
        return firstTokens[row];
    }

    /** A row's tokens: the leading ones and those of all modalities. */
    public int tokens(int row) {
        return firstTokens[row + 1] - firstTokens[row];
    }

    /** A row's tokens of one modality. */
    public int tokens(int row, int modality) {
        return lengths[row * modalities + modality];
    }

    /** The packed index of a row's first token of one modality. */
    public int firstToken(int row, int modality) {
        int first = firstTokens[row] + leadingTokens;
        for (int m = 0; m < modality; m++) {
            first += tokens(row, m);
        }
        return first;
    }

    /** The original position of a token of one modality, counted through all rows as its feature buffer is. */
    public int position(int modality, int token) {
        return positions[modality][token];
    }

    /** All rows' tokens of one modality: the height of its feature buffer in use. */
    public int modalityTokens(int modality) {
        return modalityTokens[modality];
    }
}
