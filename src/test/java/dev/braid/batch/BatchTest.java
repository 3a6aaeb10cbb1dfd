package dev.braid.batch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

class BatchTest {
    private static final int[] FEATURE_SIZES = {3, 2};
    private static final int LAST_POSITION = 50;

    @Provide
    Arbitrary<List<int[]>> rows() {
        return Arbitraries.integers()
                .between(0, 12)
                .array(int[].class)
                .ofSize(2)
                .filter(row -> row[0] + row[1] > 0)
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
            public int position(int token) {
                return LAST_POSITION - token;
            }

            @Override
            public void copyTo(CheckedCopy out, int first, int count) {
                int width = FEATURE_SIZES[modality];
                FloatSource values = (from, length, piece) -> {
                    for (int i = 0; i < length; i++) {
                        piece[i] = value(row, modality, from + i);
                    }
                };
                out.put(values, first * width, count * width);
            }
        };
    }

    /** One stream of both modalities. */
    private static List<TokenGroup> groups(int learned) {
        List<TokenGroup> modalities = List.of(TokenGroup.ofModality(0), TokenGroup.ofModality(1));
        return learned == 0 ? modalities : List.of(TokenGroup.ofLearned(learned), modalities.get(0), modalities.get(1));
    }

    private static float value(int row, int modality, int index) {
        return row * 1000 + modality * 500 + index;
    }

    @Property
    void rowsLieInOrderAndTheBudgetIsNeverPassed(
            @ForAll("rows") List<int[]> lengths,
            @ForAll @IntRange(min = 24, max = 100) int maxTokens,
            @ForAll @IntRange(min = 1, max = 30) int blockTokens,
            @ForAll @IntRange(max = 1) int learned) {
        Sink sink = new Sink(blockTokens);
        Batch batch = new Batch(sink.blocks, List.of(groups(learned)), false, maxTokens + learned, sink);
        List<Integer> packed = new ArrayList<>();
        for (int row = 0; row < lengths.size(); row++) {
            int visual = lengths.get(row)[0];
            int text = lengths.get(row)[1];
            if (!batch.fits(visual + text)) {
                check(batch, sink, packed, lengths);
                batch.clear();
                sink.taken.clear();
                packed.clear();
            }
            assertThat(batch.add(List.of(sequence(row, 0, visual), sequence(row, 1, text))))
                    .isTrue();
            packed.add(row);
            assertThat(batch.tokens()).isLessThanOrEqualTo(maxTokens + learned);
        }
        check(batch, sink, packed, lengths);
    }

    /** Each token came once, to its place in the packed order, with its own values and position. */
    private static void check(Batch batch, Sink sink, List<Integer> packed, List<int[]> lengths) {
        batch.finish();
        PackedTokens stream = batch.streams().get(0);
        assertThat(batch.rows()).isEqualTo(packed.size());
        int token = 0;
        int[] ofModality = new int[2];
        for (int r = 0; r < packed.size(); r++) {
            assertThat(stream.firstToken(r)).isEqualTo(token);
            token += stream.learned();
            for (int m = 0; m < 2; m++) {
                int length = lengths.get(packed.get(r))[m];
                assertThat(batch.tokens(r, m)).isEqualTo(length);
                ofModality[m] += length;
                for (int t = 0; t < length; t++) {
                    int first = t * FEATURE_SIZES[m];
                    assertThat(sink.taken.remove(token++))
                            .isEqualTo(new Taken(m, LAST_POSITION - t, value(packed.get(r), m, first)));
                }
            }
            assertThat(stream.tokens(r)).isEqualTo(token - stream.firstToken(r));
        }
        assertThat(sink.taken).isEmpty();
        assertThat(batch.tokens()).isEqualTo(token);
        assertThat(batch.modalityTokens(0)).isEqualTo(ofModality[0]);
        assertThat(batch.modalityTokens(1)).isEqualTo(ofModality[1]);
    }

    /** A repeated sequence is not packed again; the batch says where its tokens are and where they belong. */
    @Property
    void repeatedSequencesAreCopiedFromTheRowThatHasThem(
            @ForAll("rows") List<int[]> lengths, @ForAll @IntRange(max = 1) int learned) {
        Sink sink = new Sink(7);
        Batch batch = new Batch(sink.blocks, List.of(groups(learned)), false, 100_000, sink);
        for (int row = 0; row < lengths.size(); row++) {
            int text = lengths.get(row)[1];
            FeatureSequence visual = row == 0 ? sequence(0, 0, 3) : new RepeatedTokens(row - 1, sequence(0, 0, 3));
            assertThat(batch.add(List.of(visual, sequence(row, 1, text)))).isTrue();
        }
        batch.finish();
        PackedTokens stream = batch.streams().get(0);
        Map<Integer, Taken> placed = new HashMap<>(sink.taken);
        stream.forEachRepeat((source, index, count) -> {
            assertThat(count).isEqualTo(3);
            for (int t = 0; t < count; t++) {
                assertThat(placed.put(index + t, placed.get(source + t))).isNull();
            }
        });
        assertThat(placed).hasSize(batch.tokens() - learned * batch.rows());
        for (int row = 0; row < lengths.size(); row++) {
            for (int t = 0; t < 3; t++) {
                assertThat(placed.get(stream.firstToken(row) + learned + t))
                        .isEqualTo(new Taken(0, LAST_POSITION - t, value(0, 0, 3 * t)));
            }
        }
        List<Integer> own = new ArrayList<>();
        stream.forEachUnrepeated((first, count) -> {
            assertThat(count).isPositive();
            assertThat(own).doesNotContain(first - 1, first + count); // as long as it is
            IntStream.range(first, first + count).forEach(own::add);
        });
        List<Integer> expected = new ArrayList<>();
        for (int r = 0; r < batch.rows(); r++) {
            int row = r;
            int start = stream.firstToken(row) + learned;
            IntStream.range(stream.firstToken(row), stream.firstToken(row + 1))
                    .filter(token -> batch.tokens(row, 0) == 0 || row == 0 || token < start || token >= start + 3)
                    .forEach(expected::add);
        }
        assertThat(own).isEqualTo(expected);
        assertThat(batch.modalityTokens(0)).isEqualTo(3 * batch.rows());
        assertThat(batch.repeatedTokens(0)).isEqualTo(3 * (batch.rows() - 1));
        batch.clear();
        assertThat(batch.repeatedTokens()).isZero();
        assertThatThrownBy(() -> batch.add(List.of(new RepeatedTokens(0, sequence(0, 0, 3)), sequence(0, 1, 1))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("no row 0 has 3 tokens to repeat");
    }

    /** The broken row ends in any block, after any number of blocks that were handed over. */
    @Property
    void aRowThatIsNotFiniteLeavesTheBatchAsItWas(
            @ForAll("rows") List<int[]> lengths,
            @ForAll @IntRange(min = 1, max = 8) int blockTokens,
            @ForAll @IntRange(min = 1, max = 12) int before,
            @ForAll @IntRange(min = 1, max = 12) int broken,
            @ForAll @IntRange(max = 1) int badModality) {
        Sink sink = new Sink(blockTokens);
        Batch batch = new Batch(sink.blocks, List.of(groups(1)), false, 2000, sink);
        List<Integer> packed = new ArrayList<>();
        for (int row = 0; row < lengths.size(); row++) {
            int tokens = batch.tokens();
            FeatureSequence good = sequence(500, 1 - badModality, before);
            FeatureSequence bad = notFinite(badModality, broken);
            assertThat(batch.add(badModality == 0 ? List.of(bad, good) : List.of(good, bad)))
                    .isFalse();
            assertThat(batch.tokens()).isEqualTo(tokens);
            sink.taken.keySet().removeIf(token -> token >= tokens);

            int[] own = lengths.get(row);
            assertThat(batch.add(List.of(sequence(row, 0, own[0]), sequence(row, 1, own[1]))))
                    .isTrue();
            packed.add(row);
        }
        check(batch, sink, packed, lengths);
    }

    /** NaN in the last of its numbers. */
    private static FeatureSequence notFinite(int modality, int tokens) {
        int width = FEATURE_SIZES[modality];
        byte[] halves = new byte[2 * width * tokens];
        halves[halves.length - 1] = 0x7e;
        return new BinarySequence(Bytes.of(halves), ElementType.FLOAT16, tokens, width);
    }

    @Example
    void whatDoesNotFitIsRefused() {
        Sink sink = new Sink(2);
        Batch batch = new Batch(sink.blocks, List.of(groups(0)), false, 5, sink);
        assertThat(batch.fits(5)).isTrue();
        assertThat(batch.fits(6)).isFalse();
        assertThatThrownBy(() -> batch.add(List.of(sequence(0, 0, 3), sequence(0, 1, 3))))
                .hasMessage("a sequence of 3 tokens does not fit: 3 of 5 tokens are taken");
        assertThatThrownBy(() -> batch.add(List.of(NoTokens.INSTANCE, sequence(0, 1, 0))))
                .hasMessage("expected a row of at least one token, got none");
        assertThatThrownBy(() -> batch.add(List.of(sequence(0, 0, 3)))).hasMessage("expected 2 sequences, got 1");
        assertThat(batch.isEmpty()).isTrue();
        assertThat(sink.taken).isEmpty();
    }

    /** One token as a block handed it over. */
    private record Taken(int modality, int position, float firstValue) {}

    /** Keeps what is handed over, by packed index. */
    private static final class Sink implements Consumer<FeatureBlock> {
        final List<FeatureBlock> blocks = new ArrayList<>();
        final Map<Integer, Taken> taken = new HashMap<>();
        private final List<FloatBuffer> features = new ArrayList<>();

        Sink(int blockTokens) {
            for (int m = 0; m < FEATURE_SIZES.length; m++) {
                FloatBuffer buffer = FloatBuffer.allocate(blockTokens * FEATURE_SIZES[m]);
                features.add(buffer);
                blocks.add(new FeatureBlock(m, buffer, blockTokens));
            }
        }

        @Override
        public void accept(FeatureBlock block) {
            int size = FEATURE_SIZES[block.modality()];
            for (int t = 0; t < block.tokens(); t++) {
                float first = features.get(block.modality()).get(t * size);
                Taken before = taken.put(block.packed(t), new Taken(block.modality(), block.position(t), first));
                assertThat(before).isNull();
            }
        }
    }
}
