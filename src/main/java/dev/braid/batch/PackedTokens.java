package dev.braid.batch;

import java.util.Arrays;
import java.util.List;

/**
 * The tokens of one stream of a {@link Batch}, packed side by side: row after row and, within a row, group after group.
 * A view of the batch, which grows when a row is added.
 */
public final class PackedTokens {
    private final Batch batch;
    private final List<TokenGroup> groups;
    /** The modalities of the groups that are not learned. */
    private final int[] modalities;

    private final int learned;
    /** The position of each token in its row; empty if positions are not counted. */
    private final int[] positions;

    /** @param mostPositions the most tokens whose positions are counted; 0 to count none */
    PackedTokens(Batch batch, List<TokenGroup> groups, int mostPositions) {
        this.positions = new int[mostPositions];
        this.batch = batch;
        this.groups = List.copyOf(groups);
        this.modalities = groups.stream()
                .filter(group -> !group.isLearned())
                .mapToInt(TokenGroup::modality)
                .toArray();
        this.learned = groups.stream().mapToInt(TokenGroup::learned).sum();
    }

    /** The groups, in their order within a row. */
    public List<TokenGroup> groups() {
        return groups;
    }

    /** The number of learned tokens per row. */
    public int learned() {
        return learned;
    }

    public int rows() {
        return batch.rows();
    }

    /** The number of packed tokens. */
    public int tokens() {
        return firstToken(batch.rows());
    }

    /** The packed index of a row's first token. */
    public int firstToken(int row) {
        int first = row * learned;
        for (int modality : modalities) {
            first += batch.firstOfModality(row, modality);
        }
        return first;
    }

    /** Notes the positions of the tokens of the next row, which has these sequences. */
    void countPositions(List<FeatureSequence> byModality) {
        if (positions.length == 0) {
            return;
        }
        int token = tokens();
        int first = 0;
        for (TokenGroup group : groups) {
            FeatureSequence sequence = group.isLearned() ? null : byModality.get(group.modality());
            int count = sequence == null ? group.learned() : sequence.tokens();
            for (int t = 0; t < count; t++) {
                positions[token++] = first + (sequence == null ? t : sequence.position(t));
            }
            first += sequence == null ? count : sequence.positions();
        }
    }

    /**
     * The position of a token in its row of this stream. Learned tokens count first, then each sequence with its masked
     * tokens. Only in a batch that counts positions.
     */
    public int position(int token) {
        return positions[token];
    }

    /** The number of tokens of a row. */
    public int tokens(int row) {
        return firstToken(row + 1) - firstToken(row);
    }

    /** The number of tokens that a row has of one group. */
    public int tokens(int row, TokenGroup group) {
        return group.isLearned() ? group.learned() : batch.tokens(row, group.modality());
    }

    /** The packed index of a row's first token of a modality. */
    int firstToken(int row, int modality) {
        int first = firstToken(row);
        for (TokenGroup group : groups) {
            if (group.modality() == modality) {
                return first;
            }
            first += tokens(row, group);
        }
        throw new IllegalArgumentException("no modality " + modality + " in this stream");
    }

    /** The number of tokens that repeat those of an earlier row. */
    public int repeatedTokens() {
        return Arrays.stream(modalities).map(batch::repeatedTokens).sum();
    }

    /** Receives where the tokens of a repeated sequence are, and where they must be copied to. */
    public interface Repeat {
        /**
         * The {@code count} packed tokens from index {@code source} on must be copied to index {@code index} and the
         * following ones.
         */
        void copy(int source, int index, int count);
    }

    /**
     * Calls {@code each} for every repeated sequence, for each modality in the order of the rows. Use this after all
     * blocks were handed over.
     */
    public void forEachRepeat(Repeat each) {
        for (TokenGroup group : groups) {
            if (group.isLearned() || batch.repeatedTokens(group.modality()) == 0) {
                continue;
            }
            int modality = group.modality();
            for (int row = 0; row < batch.rows(); row++) {
                int source = batch.source(row, modality);
                if (source != Batch.NOT_REPEATED) {
                    each.copy(firstToken(source, modality), firstToken(row, modality), batch.tokens(row, modality));
                }
            }
        }
    }

    /** Receives a run of packed tokens. */
    public interface Run {
        /** The {@code count} tokens from index {@code first} on. */
        void of(int first, int count);
    }

    /** Calls {@code each} for all tokens that do not repeat those of an earlier row, in runs as long as possible. */
    public void forEachUnrepeated(Run each) {
        int first = 0;
        int end = 0;
        for (int row = 0; row < batch.rows(); row++) {
            for (TokenGroup group : groups) {
                int count = tokens(row, group);
                if (!group.isLearned() && batch.source(row, group.modality()) != Batch.NOT_REPEATED) {
                    if (end > first) {
                        each.of(first, end - first);
                    }
                    first = end + count;
                }
                end += count;
            }
        }
        if (end > first) {
            each.of(first, end - first);
        }
    }
}
