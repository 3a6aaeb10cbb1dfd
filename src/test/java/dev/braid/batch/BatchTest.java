package dev.braid.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

class BatchTest {
    private static final int[] FEATURE_SIZES = {3, 2};

    @Provide
    Arbitrary<List<int[]>> rows() {
        return Arbitraries.integers()
                .between(1, 12)
                .array(int[].class)
                .ofSize(2)
                .list()
                .ofMinSize(1)
                .ofMaxSize(40);
    }

    /** Every value tells its row, modality and place, so that nothing can be exchanged unnoticed. */
    private static FeatureSequence sequence(int row, int modality, int tokens) {
        return new FeatureSequence() {
            @Override
            public int tokens() {
                return tokens;
            }

            @Override
            public boolean copyTo(FloatBuffer out, int first, int count) {
                int width = FEATURE_SIZES[modality];
                for (int i = first * width; i < (first + count) * width; i++) {
                    out.put(value(row, modality, i));
                }
                return true;
            }
        };
    }

    private static float value(int row, int modality, int index) {
        return row * 1000 + modality * 500 + index;
    }

    @Property
    void rowsLieInOrderAndTheBudgetIsNeverPassed(
            @ForAll("rows") List<int[]> lengths, @ForAll @IntRange(min = 24, max = 100) int maxTokens) {
        List<FloatBuffer> buffers = buffers(maxTokens);
        Batch batch = new Batch(buffers, 0, maxTokens);
        List<Integer> packed = new ArrayList<>();
        for (int row = 0; row < lengths.size(); row++) {
            int visual = lengths.get(row)[0];
            int text = lengths.get(row)[1];
            if (!batch.fits(visual + text)) {
                check(batch, buffers, packed, lengths);
                batch.clear();
                packed.clear();
            }
            assertThat(batch.add(List.of(sequence(row, 0, visual), sequence(row, 1, text))))
                    .isTrue();
            packed.add(row);
            assertThat(batch.tokens()).isLessThanOrEqualTo(maxTokens);
        }
        check(batch, buffers, packed, lengths);
    }

    private static void check(Batch batch, List<FloatBuffer> buffers, List<Integer> packed, List<int[]> lengths) {
        assertThat(batch.rows()).isEqualTo(packed.size());
        int token = 0;
        int[] index = new int[2];
        for (int r = 0; r < packed.size(); r++) {
            assertThat(batch.firstToken(r)).isEqualTo(token);
            for (int m = 0; m < 2; m++) {
                int length = lengths.get(packed.get(r))[m];
                assertThat(batch.tokens(r, m)).isEqualTo(length);
                assertThat(batch.firstToken(r, m)).isEqualTo(token);
                token += length;
                for (int i = 0; i < length * FEATURE_SIZES[m]; i++) {
                    assertThat(buffers.get(m).get(index[m]++)).isEqualTo(value(packed.get(r), m, i));
                }
            }
            assertThat(batch.tokens(r)).isEqualTo(token - batch.firstToken(r));
        }
        assertThat(batch.tokens()).isEqualTo(token);
        for (int m = 0; m < 2; m++) {
            assertThat(batch.modalityTokens(m) * FEATURE_SIZES[m]).isEqualTo(index[m]);
        }
    }

    @Example
    void aRowThatIsNotFiniteLeavesTheBatchAsItWas() {
        List<FloatBuffer> buffers = buffers(20);
        Batch batch = new Batch(buffers, 0, 20);
        FeatureSequence broken = new BinarySequence(new byte[] {0, 0x7e, 0, 0}, ElementType.FLOAT16, 1);
        batch.add(List.of(sequence(0, 0, 2), sequence(0, 1, 3)));
        assertThat(batch.add(List.of(sequence(1, 0, 4), broken))).isFalse();
        assertThat(batch.add(List.of(sequence(2, 0, 1), sequence(2, 1, 1)))).isTrue();
        check(batch, buffers, List.of(0, 2), Arrays.asList(new int[] {2, 3}, null, new int[] {1, 1}));
    }

    @Example
    void whatDoesNotFitIsRefused() {
        Batch batch = new Batch(buffers(5), 0, 5);
        assertThat(batch.fits(5)).isTrue();
        assertThat(batch.fits(6)).isFalse();
        assertThatThrownBy(() -> batch.add(List.of(sequence(0, 0, 3), sequence(0, 1, 3))))
                .hasMessage("a sequence of 3 tokens does not fit behind 3 of 5 tokens");
        assertThatThrownBy(() -> batch.add(List.of(sequence(0, 0, 3), sequence(0, 1, 0))))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> batch.add(List.of(sequence(0, 0, 3)))).hasMessage("expected 2 sequences, got 1");
        assertThat(batch.isEmpty()).isTrue();
    }

    private static List<FloatBuffer> buffers(int maxTokens) {
        return Arrays.stream(FEATURE_SIZES)
                .mapToObj(size -> FloatBuffer.allocate(maxTokens * size))
                .toList();
    }
}
