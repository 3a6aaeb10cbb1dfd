package dev.braid.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The sizes that attention is compiled for are few, and their memory is what the account says. */
class AttentionTileTest {

    @ParameterizedTest
    @CsvSource({"1, 1", "1, 128", "53, 113", "200, 261", "1, 4096"})
    void thereAreAsManySizesAsTheAccountSays(int shortest, int longest) {
        Set<AttentionTile> tiles = new HashSet<>();
        for (int length = shortest; length <= longest; length++) {
            AttentionTile tile = AttentionTile.of(length, length, 8, 64, false);
            tiles.add(tile);
            if (length <= AttentionTile.SHORT) {
                tiles.add(tile.times(AttentionTile.GROUP));
            }
        }
        assertThat(tiles).hasSize(Kernels.attentionSizes(shortest, longest));
    }

    @Test
    void thereAreFewSizesHoweverManyLengths() {
        assertThat(Kernels.attentionSizes(53, 113)).isEqualTo(9);
        assertThat(Kernels.attentionSizes(1, 4096)).isLessThan(120);
        assertThat(Kernels.attentionSizes(1, 100_000)).isLessThan(200);
    }

    @Test
    void aLengthIsRoundedUpByLittle() {
        for (int length = 1; length < 10_000; length++) {
            assertThat(AttentionTile.padded(length)).isBetween(length, Math.max(length + 7, length * 17 / 16));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "1, 1, 1",
        "8, 32, 20",
        "8, 32, 300",
        "12, 64, 2000",
        "16, 64, 4096",
        "7, 1, 777",
        "512, 1, 128",
        "257, 1, 20"
    })
    void noTileIsLargerThanTheScratchMemory(int heads, int headSize, int maxTokens) {
        long most = Kernels.attentionScratch(heads * headSize, heads, maxTokens);
        for (boolean bfloat16 : new boolean[] {false, true}) {
            for (int keys = 1; keys <= maxTokens; keys++) {
                for (int queries : new int[] {1, 2, 16, keys, maxTokens}) {
                    AttentionTile tile =
                            AttentionTile.of(Math.min(queries, maxTokens), keys, heads, headSize, bfloat16);
                    assertThat(floats(tile)).as("%s", tile).isLessThanOrEqualTo(most);
                    assertThat(heads % tile.headsAtOnce()).isZero();
                    if (Math.max(queries, keys) <= AttentionTile.SHORT) {
                        AttentionTile group = tile.times(AttentionTile.GROUP);
                        assertThat(floats(group)).as("%s", group).isLessThanOrEqualTo(most);
                    }
                }
            }
        }
    }

    /** From the keys to the end of the last tensor: the mask, or the softmax of bfloat16 operands. */
    private static long floats(AttentionTile tile) {
        int scores = tile.rows() * tile.headsAtOnce() * tile.queries() * tile.keys();
        int end = tile.bfloat16() ? tile.softmax() + scores * Short.BYTES : tile.mask() + tile.keys() * Float.BYTES;
        return end / Float.BYTES;
    }
}
