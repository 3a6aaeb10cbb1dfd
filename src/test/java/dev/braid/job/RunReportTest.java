package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class RunReportTest {
    @Test
    void countsTwoOperationsPerMultiplyAdd() {
        assertThat(new RunReport(1_200, 60_000, 25_000_000_000L, Duration.ofMillis(2_500), "file:/data/fused"))
                .hasToString("""
                        rows      1,200
                        tokens    60,000
                        seconds   2.5
                        tokens/s  24,000
                        GFLOP/s   20.0
                        output    file:/data/fused""");
    }
}
