package dev.braid.model;

import dev.braid.batch.PackedTokens;
import dev.braid.kernel.Kernels;
import java.util.ArrayList;
import java.util.List;

/**
 * A run of packed tokens that goes through the linear maps together, small enough for intermediate results to stay in
 * the cache.
 *
 * @param first index of its first token
 * @param tokens how many tokens it has
 * @param height the rows that are computed: {@code tokens} rounded up to {@link Kernels#ROW_MULTIPLE}, so that a
 *     token's bits do not depend on its neighbours; the additional rows hold old numbers that nobody reads
 */
record Block(int first, int tokens, int height) {
    static final int MAX_TOKENS = 128;

    static List<Block> split(int tokens) {
        List<Block> blocks = new ArrayList<>(tokens / MAX_TOKENS + 1);
        for (int first = 0; first < tokens; first += MAX_TOKENS) {
            int count = Math.min(MAX_TOKENS, tokens - first);
            blocks.add(new Block(first, count, (int) roundUp(count)));
        }
        return blocks;
    }

    /**
     * Blocks of the tokens that do not repeat those of an earlier row. A block may include neighbouring tokens, for
     * which it computes the same bits again.
     *
     * @param capacity the rows of the matrices that hold the tokens, a multiple of {@link Kernels#ROW_MULTIPLE}
     */
    static List<Block> unrepeated(PackedTokens packed, int capacity) {
        List<Block> blocks = new ArrayList<>();
        packed.forEachUnrepeated((first, count) -> {
            for (Block block : split(count)) {
                int start = Math.min(first + block.first(), capacity - block.height());
                blocks.add(new Block(start, block.tokens(), block.height()));
            }
        });
        return blocks;
    }

    static long roundUp(long tokens) {
        return (tokens + Kernels.ROW_MULTIPLE - 1) / Kernels.ROW_MULTIPLE * Kernels.ROW_MULTIPLE;
    }
}
