package dev.braid.progress;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What tasks count for a run report, and how the driver adds it. */
class FiguresTest {
    @ParameterizedTest
    @ValueSource(
            ints = {0, 1, 15, 31, 32, 33, 34, 63, 64, 65, 127, 128, 1000, 4096, 65_535, 1 << 30, Integer.MAX_VALUE})
    void everyLengthFallsIntoTheOneBucketThatCoversIt(int tokens) {
        LengthCounts counts = new LengthCounts();
        counts.add(tokens);

        List<LengthCounts.Bucket> found = counts.buckets(tokens, tokens);

        assertThat(found).hasSize(1);
        assertThat(found.get(0).rows()).isOne();
        assertThat(tokens)
                .isBetween(
                        found.get(0).from(),
                        Math.max(found.get(0).from(), found.get(0).to()));
        assertThat(found.get(0).to() - found.get(0).from()).isLessThanOrEqualTo(tokens / 32);
    }

    @Test
    void bucketsFollowEachOtherWithoutGapsAndHoldEveryRow() {
        LengthCounts counts = new LengthCounts();
        IntStream.rangeClosed(1, 5000).forEach(counts::add);

        List<LengthCounts.Bucket> buckets = counts.buckets(1, 5000);

        for (int b = 1; b < buckets.size(); b++) {
            assertThat(buckets.get(b).from()).isEqualTo(buckets.get(b - 1).to() + 1);
        }
        assertThat(buckets.stream().mapToLong(LengthCounts.Bucket::rows).sum()).isEqualTo(5000);
        assertThat(counts.tokens()).isEqualTo(5000L * 5001 / 2);
        assertThat(counts.quantile(0.5)).isBetween(2500, 2578);
        assertThat(counts.quantile(1)).isEqualTo(5000);
        assertThat(counts.shortest()).isOne();
        assertThat(counts.upTo(0)).isZero();
        assertThat(counts.upTo(50)).isEqualTo(50);
        assertThat(counts.upTo(3333)).isEqualTo(3333);
        assertThat(counts.upTo(Integer.MAX_VALUE)).isEqualTo(5000);
    }

    @Test
    void noRowsHaveNoLengthAndNoShare() {
        assertThat(new LengthCounts().quantile(0.5)).isZero();
        assertThat(new LengthCounts().shortest()).isZero();
        assertThat(new ShareCounts().mean()).isZero();
    }

    @Test
    void theSharesOfEachModalityAreCountedByTwentiethsAndAveraged() {
        Figures figures = new Figures();
        figures.row(4, new int[] {1, 3}, new float[] {0.25f, 0.75f});
        figures.row(4, new int[] {3, 1}, new float[] {0f, 1f});

        assertThat(figures.attention().get(1).mean()).isEqualTo(0.875);
        assertThat(figures.attention().get(0).counts().get(5)).isOne();
        assertThat(figures.attention().get(1).counts().get(19)).isOne();
        assertThat(figures.groups().get(1).longest()).isEqualTo(3);
    }

    @Test
    void theDriverAddsWhatTasksSentItAndKeepsTheLargestPeakOfEachExecutor() {
        FiguresAccumulator driver = new FiguresAccumulator();
        for (long peak : new long[] {5, 9, 7}) {
            Figures ofTask = new Figures();
            ofTask.row(3, new int[] {1, 2}, null);
            ofTask.ended(1000, 2000, "1", new MemoryPeak(peak, 100));
            FiguresAccumulator task = new FiguresAccumulator();
            task.add(ofTask);
            assertThat(task.isZero()).isFalse();
            driver.merge(task);
        }
        Figures all = driver.value();
        assertThat(all.lengths().rows()).isEqualTo(3);
        assertThat(all.groups().get(1).tokens()).isEqualTo(6);
        assertThat(all.attention()).isEmpty();
        assertThat(all.spans()).containsOnly(new TaskSpan(1000, 2000, 1, 3)).hasSize(3);
        assertThat(all.peaks()).containsOnlyKeys("1").containsValue(new MemoryPeak(9, 100));
        assertThat(driver.copyAndReset().isZero()).isTrue();
    }

    @Test
    void theMemoryOfThisProcessIsKnown() {
        MemoryPeak peak = MemoryPeak.here();

        assertThat(peak.heap()).isGreaterThan(1 << 20);
        assertThat(peak.resident()).isGreaterThan(peak.heap() / 4);
    }
}
