package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.braid.progress.Stage;
import dev.braid.progress.StageCost;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class ProfileReportTest {
    @Test
    void aLinePerStageWithItsShareAndTheRateOfItsProducts() {
        assertThat(new ProfileReport(
                        List.of(
                                new StageCost(Stage.LOAD, 200_000_000, 0),
                                new StageCost(Stage.READ, 3_000_000_000L, 0),
                                new StageCost(Stage.FEED_FORWARD, 16_800_000_000L, 840_000_000_000L),
                                new StageCost(Stage.POOL, 0, 0)),
                        5000,
                        1200))
                .hasToString("""
                        stage         seconds      %  GFLOP/s
                        load             0.20    1.0
                        read             3.00   15.0
                        feed-forward    16.80   84.0    100.0
                        pool             0.00    0.0
                        total           20.00  100.0     84.0
                        1,200 of 5,000 tokens were projected once for several rows""");
    }

    @Test
    void sharesSumTo100() {
        List<StageCost> stages = Stream.of(Stage.values())
                .map(stage ->
                        new StageCost(stage, 1_000_000_007L * (3 + stage.label().length()), 0))
                .toList();
        double sum = new ProfileReport(stages, 0, 0)
                .toString()
                .lines()
                .skip(1)
                .limit(stages.size())
                .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(" "))))
                .sum();

        assertThat(sum).isCloseTo(100, within(0.05 * stages.size()));
    }

    @Test
    void nothingMeasuredIsNothingDivided() {
        assertThat(new ProfileReport(List.of(new StageCost(Stage.PROJECT, 0, 0)), 10, 0))
                .hasToString("""
                        stage    seconds    %  GFLOP/s
                        project     0.00  0.0
                        total       0.00  0.0""");
    }
}
