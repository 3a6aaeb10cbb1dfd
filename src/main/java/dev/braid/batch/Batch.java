package dev.braid.batch;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * Rows packed side by side, in order and without padding. One thread reuses one batch.
 *
 * <p>A model has one or several streams of tokens, and each stream is packed separately ({@link PackedTokens}).
 * Features are not stored: each modality streams through one {@link FeatureBlock}, which is handed over when it is full
 * and once at the end. A sequence that an earlier row has too ({@link RepeatedTokens}) is handed over once; {@link
 * PackedTokens#forEachRepeat} says to which other rows its tokens must be copied.
 */
public final class Batch {
    /** The {@link #source} of a sequence that repeats no earlier one. */
    static final int NOT_REPEATED = -1;

    private final int modalities;
    /** The number of learned tokens per row, in all streams together. */
    private final int learned;

    private final int maxTokens;
    private final List<FeatureBlock> blocks;
    private final Consumer<FeatureBlock> full;
    private final boolean countsPositions;
    private final List<PackedTokens> streams;
    private final List<PackedTokens> joined = new ArrayList<>();
    /** The stream of each modality. */
    private final PackedTokens[] streamOf;
    /** At [m][r] the number of tokens of modality m in all rows before row r; one more entry than rows. */
    private final int[][] firsts;
    /** At [m][r] the earlier row whose sequence of modality m row r repeats, or {@link #NOT_REPEATED}. */
    private final int[][] sources;

    private final int[] repeatedTokens;
    private int rows;
    private boolean finished;

    /**
     * An empty batch of one workspace.
     *
     * @param blocks one per modality
     * @param streams the token groups of each stream; a modality is in exactly one stream
     * @param countsPositions whether the streams count the position of each token in its row
     * @param maxTokens the token budget: the largest number of tokens in a batch, all streams together
     * @param full receives each block before it is emptied
     */
    public Batch(
            List<FeatureBlock> blocks,
            List<List<TokenGroup>> streams,
            boolean countsPositions,
            int maxTokens,
            Consumer<FeatureBlock> full) {
        this.modalities = blocks.size();
        this.maxTokens = maxTokens;
        this.blocks = List.copyOf(blocks);
        this.full = full;
        this.countsPositions = countsPositions;
        this.streams = streams.stream()
                .map(groups -> new PackedTokens(this, groups, countsPositions ? maxTokens : 0))
                .toList();
        this.learned = this.streams.stream().mapToInt(PackedTokens::learned).sum();
        this.streamOf = new PackedTokens[modalities];
        for (PackedTokens stream : this.streams) {
            for (TokenGroup group : stream.groups()) {
                if (!group.isLearned()) {
                    streamOf[group.modality()] = stream;
                }
            }
        }
        int mostRows = mostRows(learned, maxTokens);
        this.firsts = new int[modalities][mostRows + 1];
        this.sources = new int[modalities][mostRows];
        this.repeatedTokens = new int[modalities];
    }

    /** Adds a stream that joins streams of this batch. The tokens of a row follow the order of {@code groups}. */
    public PackedTokens join(List<TokenGroup> groups) {
        PackedTokens packed = new PackedTokens(this, groups, countsPositions ? maxTokens : 0);
        joined.add(packed);
        return packed;
    }

    /** The largest number of rows: each has its learned tokens and at least one token of a modality. */
    private static int mostRows(int learned, int maxTokens) {
        return maxTokens / (learned + 1);
    }

    /**
     * Bytes of Java heap that a batch of these sizes takes.
     *
     * @param streams the number of streams that count positions, joined ones included
     */
    public static long heapBytes(int streams, int modalities, int learned, int maxTokens) {
        long positions = (long) streams * maxTokens;
        return (positions + modalities * (1 + 2L * mostRows(learned, maxTokens))) * Integer.BYTES;
    }

    /** Whether there is room for a row whose modalities have this many tokens together. */
    public boolean fits(int tokens) {
        return tokens <= maxTokens - tokens() - learned;
    }

    /**
     * Packs one more row.
     *
     * @param byModality one sequence per modality: {@link NoTokens} if the row lacks the modality, {@link
     *     RepeatedTokens} if an earlier row has the same sequence. The row must {@link #fits fit} and have a token of
     *     some modality, and each stream without learned tokens must get a token
     * @return false if a feature is NaN or infinite; the batch is then unchanged
     * @throws IllegalArgumentException if the row does not fit, the row or a stream gets no token, a repeated sequence
     *     is not in an earlier row, or the number of sequences is wrong
     * @throws IllegalStateException if the batch is finished and was not cleared
     */
    public boolean add(List<FeatureSequence> byModality) {
        if (finished) {
            throw new IllegalStateException("a finished batch takes no row until it is cleared");
        }
        check(byModality);
        for (int m = 0; m < modalities; m++) {
            firsts[m][rows + 1] = firsts[m][rows] + byModality.get(m).tokens();
        }
        blocks.forEach(FeatureBlock::mark);
        for (int m = 0; m < modalities; m++) {
            if (!pack(byModality.get(m), blocks.get(m), streamOf[m].firstToken(rows, m))) {
                // Tokens that were already handed over do no harm: the next row overwrites them.
                blocks.forEach(FeatureBlock::rollBack);
                return false;
            }
        }
        for (int m = 0; m < modalities; m++) {
            sources[m][rows] = NOT_REPEATED;
            if (byModality.get(m) instanceof RepeatedTokens repeated) {
                sources[m][rows] = repeated.row();
                repeatedTokens[m] += repeated.tokens();
            }
        }
        streams.forEach(stream -> stream.countPositions(byModality));
        joined.forEach(stream -> stream.countPositions(byModality));
        rows++;
        return true;
    }

    private void check(List<FeatureSequence> byModality) {
        if (byModality.size() != modalities) {
            throw new IllegalArgumentException("expected " + modalities + " sequences, got " + byModality.size());
        }
        int start = tokens() + learned;
        int end = start;
        for (int m = 0; m < modalities; m++) {
            FeatureSequence sequence = byModality.get(m);
            int length = sequence.tokens();
            if (sequence instanceof RepeatedTokens repeated
                    && (repeated.row() >= rows || tokens(repeated.row(), m) != length)) {
                throw new IllegalArgumentException("no row " + repeated.row() + " has " + length + " tokens to repeat");
            }
            if (length > maxTokens - end) {
                throw new IllegalArgumentException("a sequence of " + length + " tokens does not fit: " + end + " of "
                        + maxTokens + " tokens are taken");
            }
            end += length;
        }
        if (end == start) {
            throw new IllegalArgumentException("expected a row of at least one token, got none");
        }
        for (PackedTokens stream : streams) {
            int tokens = stream.learned();
            for (TokenGroup group : stream.groups()) {
                tokens +=
                        group.isLearned() ? 0 : byModality.get(group.modality()).tokens();
            }
            if (tokens == 0) {
                throw new IllegalArgumentException("expected a token in every stream, got none in one of them");
            }
        }
    }

    private boolean pack(FeatureSequence sequence, FeatureBlock block, int index) {
        if (sequence instanceof RepeatedTokens) {
            return true; // The features were packed with the earlier row.
        }
        int taken = 0;
        while (taken < sequence.tokens()) {
            int count = Math.min(block.room(), sequence.tokens() - taken);
            if (!block.take(sequence, taken, count, index + taken)) {
                return false;
            }
            taken += count;
            if (block.room() == 0) {
                handOver(block);
            }
        }
        return true;
    }

    private void handOver(FeatureBlock block) {
        full.accept(block);
        block.clear();
    }

    /** Hands over the blocks that still hold tokens. The batch accepts no further row until it is cleared. */
    public void finish() {
        if (finished) {
            throw new IllegalStateException("a finished batch must be cleared before it is finished again");
        }
        finished = true;
        for (FeatureBlock block : blocks) {
            if (block.tokens() > 0) {
                handOver(block);
            }
        }
    }

    /** Removes all rows. */
    public void clear() {
        rows = 0;
        finished = false;
        blocks.forEach(FeatureBlock::clear);
        Arrays.fill(repeatedTokens, 0);
    }

    /** The packed tokens of each stream that joins no others. */
    public List<PackedTokens> streams() {
        return streams;
    }

    public int rows() {
        return rows;
    }

    public boolean isEmpty() {
        return rows == 0;
    }

    /** The number of packed tokens in all streams that are not joined. */
    public int tokens() {
        int tokens = rows * learned;
        for (int[] ofModality : firsts) {
            tokens += ofModality[rows];
        }
        return tokens;
    }

    /** The number of tokens that a row has of one modality. */
    public int tokens(int row, int modality) {
        return firsts[modality][row + 1] - firsts[modality][row];
    }

    /** The number of tokens of a modality in all rows before this one. */
    int firstOfModality(int row, int modality) {
        return firsts[modality][row];
    }

    /** The number of tokens of one modality in all rows. */
    public int modalityTokens(int modality) {
        return firsts[modality][rows];
    }

    /** The row whose sequence of a modality this row repeats, or {@link #NOT_REPEATED}. */
    int source(int row, int modality) {
        return sources[modality][row];
    }

    /** The number of tokens of a modality that repeat an earlier row's tokens. */
    public int repeatedTokens(int modality) {
        return repeatedTokens[modality];
    }

    /** The number of tokens, of all modalities, that repeat an earlier row's tokens. */
    public int repeatedTokens() {
        return Arrays.stream(repeatedTokens).sum();
    }
}
