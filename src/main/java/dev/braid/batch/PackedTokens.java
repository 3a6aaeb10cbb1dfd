package dev.braid.batch;

import java.util.List;

/**
 * The tokens of one stream of a {@link Batch}, packed side by side: row after row and, within a row, group after group. It
 * follows the batch as that grows.
 */
public final class PackedTokens {
    private final Batch batch;
    private final List<TokenGroup> groups;
    private final int learned;
    /** Of each token its position in its row; empty where nobody asks for positions. */
    private final int[] positions;

    /** @param mostPositions the most tokens whose positions are counted; 0 to count none */
    PackedTokens(Batch batch, List<TokenGroup> groups, int mostPositions) {
        this.positions = new int[mostPositions];
        this.batch = batch;
        this.groups = List.copyOf(groups);
        this.learned = groups.stream().mapToInt(TokenGroup::learned).sum();
    }

    /** In the order in which they follow each other in a row. */
    public List<TokenGroup> groups() {
        return groups;
    }

    /** Learned tokens of a row. */
    public int learned() {
        return learned;
    }

    public int rows() {
        return batch.rows();
    }

    /** All packed tokens. */
    public int tokens() {
        return firstToken(batch.rows());
    }

    /** The packed index of a row's first token. */
    public int firstToken(int row) {
        int first = row * learned;
        for (TokenGroup group : groups) {
            first += group.isLearned() ? 0 : batch.firstOfModality(row, group.modality());
        }
        return first;
    }

    /** Counts the positions of the row that is added next, which has these sequences. */
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
     * The position of a token in its row of this stream: learned tokens and modalities follow each other as they were extracted,
     * and tokens that are not kept count too. Only in a batch that counts positions.
     */
    public int position(int token) {
        return positions[token];
    }

    /** A row's tokens. */
    public int tokens(int row) {
        return firstToken(row + 1) - firstToken(row);
    }

    /** A row's tokens of one group. */
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

    /** Tokens that are copies, since an earlier row has them too. */
    public int repeated() {
        return groups.stream()
                .filter(group -> !group.isLearned())
                .mapToInt(group -> batch.repeatedTokens(group.modality()))
                .sum();
    }

    /** Receives the places of a repeated sequence: its tokens, and where else they belong. */
    public interface Repeat {
        /** The {@code count} packed tokens from index {@code source} on belong to {@code index} and the next ones too. */
        void copy(int source, int index, int count);
    }

    /** Says of every repeated sequence where its tokens are, in the order of rows. Call it once all blocks are handed over. */
    public void repeats(Repeat each) {
        for (TokenGroup group : groups) {
            if (group.isLearned() || batch.repeatedTokens(group.modality()) == 0) {
                continue;
            }
            int modality = group.modality();
            for (int row = 0; row < batch.rows(); row++) {
                int source = batch.source(row, modality);
                if (source != Batch.OWN) {
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

    /** Hands over the tokens that are no copies, in runs as long as possible. */
    public void own(Run each) {
        int first = 0;
        int end = 0;
        for (int row = 0; row < batch.rows(); row++) {
            for (TokenGroup group : groups) {
                int count = tokens(row, group);
                if (!group.isLearned() && batch.source(row, group.modality()) != Batch.OWN) {
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
