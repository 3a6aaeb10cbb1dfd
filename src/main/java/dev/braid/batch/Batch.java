package dev.braid.batch;

import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;

/**
 * Rows packed side by side, in order, without one padded token: the reused container of one thread.
 *
 * <p>Each modality's features lie densely in a buffer of their own, [modalityTokens, featureSize], row after row. The
 * packed token order, which everything after the projection uses, is row after row as well and, within a row, modality
 * after modality in the model's order.
 */
public final class Batch {
    private final int modalities;
    private final int maxTokens;
    private final List<FloatBuffer> features;
    /** Index of a row's first packed token; one more entry than rows. */
    private final int[] firstTokens;
    /** Tokens of row r in modality m, at [r * modalities + m]. */
    private final int[] lengths;

    private final int[] modalityTokens;
    private int rows;

    /**
     * An empty batch over the buffers of one workspace.
     *
     * @param features per modality a buffer of {@code maxTokens x featureSize} floats
     * @param maxTokens the token budget: no batch holds more tokens than this
     */
    public Batch(List<FloatBuffer> features, int maxTokens) {
        this.modalities = features.size();
        this.maxTokens = maxTokens;
        this.features = List.copyOf(features);
        this.firstTokens = new int[maxTokens / modalities + 1];
        this.lengths = new int[maxTokens];
        this.modalityTokens = new int[modalities];
    }

    /** Whether a row of so many tokens can still be added. */
    public boolean fits(int tokens) {
        return tokens <= maxTokens - tokens();
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
        int end = tokens();
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
            if (!byModality.get(m).copyTo(buffer)) {
                buffer.position(start);
                for (int before = 0; before < m; before++) {
                    rewind(before, byModality.get(before).tokens());
                }
                return false;
            }
        }
        for (int m = 0; m < modalities; m++) {
            modalityTokens[m] += byModality.get(m).tokens();
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

    /** The packed index of a row's first token. */
    public int firstToken(int row) {
        return firstTokens[row];
    }

    /** A row's tokens of all modalities. */
    public int tokens(int row) {
        return firstTokens[row + 1] - firstTokens[row];
    }

    /** A row's tokens of one modality. */
    public int tokens(int row, int modality) {
        return lengths[row * modalities + modality];
    }

    /** The packed index of a row's first token of one modality. */
    public int firstToken(int row, int modality) {
        int first = firstTokens[row];
        for (int m = 0; m < modality; m++) {
            first += tokens(row, m);
        }
        return first;
    }

    /** All rows' tokens of one modality: the height of its feature buffer in use. */
    public int modalityTokens(int modality) {
        return modalityTokens[modality];
    }
}
