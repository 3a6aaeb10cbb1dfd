package dev.braid.batch;

import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * Rows packed side by side, in order, without one padded token: the reused container of one thread.
 *
 * <p>The packed token order is row after row and, within a row, modality after modality in the model's order, after the
 * tokens that the model itself puts first. Features are not stored: each modality streams through one {@link FeatureBlock},
 * which is handed over whenever it is full and once at the end. A sequence that an earlier row has too ({@link RepeatedTokens})
 * streams through once: {@link #repeats} says where its tokens belong.
 */
public final class Batch {
    private static final int OWN = -1;

    private final int modalities;
    private final int leadingTokens;
    private final int maxTokens;
    private final List<FeatureBlock> blocks;
    private final Consumer<FeatureBlock> full;
    /** Index of a row's first packed token; one more entry than rows. */
    private final int[] firstTokens;
    /** Tokens of row r in modality m, at [r * modalities + m]. */
    private final int[] lengths;
    /** The row that has the sequence of row r in modality m already, at [r * modalities + m]; {@link #OWN} where none has. */
    private final int[] sources;

    private final int[] modalityTokens;
    private final int[] repeatedTokens;
    private int rows;
    private boolean finished;

    /**
     * An empty batch of one workspace.
     *
     * @param blocks one per modality
     * @param leadingTokens tokens that the model puts before a row's own, such as CLS
     * @param maxTokens the token budget: no batch holds more tokens than this
     * @param full takes the features of a block, which is then emptied
     */
    public Batch(List<FeatureBlock> blocks, int leadingTokens, int maxTokens, Consumer<FeatureBlock> full) {
        this.modalities = blocks.size();
        this.leadingTokens = leadingTokens;
        this.maxTokens = maxTokens;
        this.blocks = List.copyOf(blocks);
        this.full = full;
        int mostRows = mostRows(leadingTokens, maxTokens);
        this.firstTokens = new int[mostRows + 1];
        this.lengths = new int[Math.multiplyExact(mostRows, modalities)];
        this.sources = new int[lengths.length];
        this.modalityTokens = new int[modalities];
        this.repeatedTokens = new int[modalities];
    }

    /** A row may lack all modalities but one. */
    private static int mostRows(int leadingTokens, int maxTokens) {
        return maxTokens / (leadingTokens + 1);
    }

    /** Bytes of Java heap that a batch of these sizes takes. */
    public static long heapBytes(int modalities, int leadingTokens, int maxTokens) {
        return (1 + mostRows(leadingTokens, maxTokens) * (1L + 2L * modalities)) * Integer.BYTES;
    }

    /** Whether a row can still be added whose modalities have so many tokens together. */
    public boolean fits(int tokens) {
        return tokens <= maxTokens - tokens() - leadingTokens;
    }

    /**
     * Packs one row after the others.
     *
     * @param byModality one sequence per modality, without tokens for one that the row lacks, or {@link RepeatedTokens}; at least
     *     one token together, and no more than {@link #fits fit}
     * @return false if a feature is NaN or infinite; the batch is then as it was before
     * @throws IllegalArgumentException if the row does not fit, has no token, or not a sequence per modality
     * @throws IllegalStateException if the batch must be cleared first
     */
    public boolean add(List<FeatureSequence> byModality) {
        if (finished) {
            throw new IllegalStateException("a finished batch takes no row until it is cleared");
        }
        if (byModality.size() != modalities) {
            throw new IllegalArgumentException("expected " + modalities + " sequences, got " + byModality.size());
        }
        int start = tokens() + leadingTokens;
        int end = start;
        for (int m = 0; m < modalities; m++) {
            FeatureSequence sequence = byModality.get(m);
            int length = sequence.tokens();
            if (sequence instanceof RepeatedTokens repeated
                    && (repeated.row() >= rows || tokens(repeated.row(), m) != length)) {
                throw new IllegalArgumentException("no row " + repeated.row() + " has " + length + " tokens to repeat");
            }
            if (length > maxTokens - end) {
                throw new IllegalArgumentException("a sequence of " + length + " tokens does not fit behind " + end
                        + " of " + maxTokens + " tokens");
            }
            end += length;
        }
        if (end == start) {
            throw new IllegalArgumentException("expected a row of at least one token, got none");
        }
        blocks.forEach(FeatureBlock::mark);
        int index = start;
        for (int m = 0; m < modalities; m++) {
            FeatureSequence sequence = byModality.get(m);
            if (!pack(sequence, blocks.get(m), index)) {
                // What was handed over meanwhile does no harm: the next row gets the same places.
                blocks.forEach(FeatureBlock::rollBack);
                return false;
            }
            index += sequence.tokens();
        }
        for (int m = 0; m < modalities; m++) {
            FeatureSequence sequence = byModality.get(m);
            int at = rows * modalities + m;
            lengths[at] = sequence.tokens();
            modalityTokens[m] += sequence.tokens();
            sources[at] = OWN;
            if (sequence instanceof RepeatedTokens repeated) {
                sources[at] = repeated.row();
                repeatedTokens[m] += repeated.tokens();
            }
        }
        rows++;
        firstTokens[rows] = end;
        return true;
    }

    private boolean pack(FeatureSequence sequence, FeatureBlock block, int index) {
        if (sequence instanceof RepeatedTokens) {
            return true; // Their features were packed.
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

    /** Hands over what the blocks still hold; the batch takes no further row until it is cleared. */
    public void finish() {
        if (finished) {
            throw new IllegalStateException("a finished batch is to be cleared before it is filled and finished again");
        }
        finished = true;
        for (FeatureBlock block : blocks) {
            if (block.tokens() > 0) {
                handOver(block);
            }
        }
    }

    /** Forgets all rows; the next one is packed at the start again. */
    public void clear() {
        rows = 0;
        finished = false;
        blocks.forEach(FeatureBlock::clear);
        Arrays.fill(modalityTokens, 0);
        Arrays.fill(repeatedTokens, 0);
    }

    /** Takes the places of a sequence that is repeated: tokens that are there, and where else they belong. */
    public interface Repeat {
        /** The {@code count} packed tokens from index {@code source} on belong to {@code index} and the next ones too. */
        void copy(int source, int index, int count);
    }

    /** Says of every repeated sequence where its tokens are, in the order of rows: once all blocks are handed over. */
    public void repeats(Repeat each) {
        for (int m = 0; m < modalities; m++) {
            for (int row = 0; row < rows && repeatedTokens[m] > 0; row++) {
                int source = sources[row * modalities + m];
                if (source != OWN) {
                    each.copy(firstToken(source, m), firstToken(row, m), tokens(row, m));
                }
            }
        }
    }

    /** Takes a run of packed tokens. */
    public interface Run {
        /** The {@code count} tokens from index {@code first} on. */
        void of(int first, int count);
    }

    /** The tokens that are no copies, in runs as long as they are. */
    public void own(Run each) {
        int first = 0;
        int end = 0;
        for (int row = 0; row < rows; row++) {
            end += leadingTokens;
            for (int m = 0; m < modalities; m++) {
                int count = tokens(row, m);
                if (sources[row * modalities + m] != OWN) {
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

    private int firstToken(int row, int modality) {
        int first = firstTokens[row] + leadingTokens;
        for (int m = 0; m < modality; m++) {
            first += tokens(row, m);
        }
        return first;
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

    /** All rows' tokens of one modality. */
    public int modalityTokens(int modality) {
        return modalityTokens[modality];
    }

    /** Those of them that are copied, as another row has them too. */
    public int repeatedTokens(int modality) {
        return repeatedTokens[modality];
    }

    /** All tokens that are copied. */
    public int repeatedTokens() {
        return Arrays.stream(repeatedTokens).sum();
    }
}
