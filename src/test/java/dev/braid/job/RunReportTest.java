package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class RunReportTest {
    @Test
    void countsTwoOperationsPerMultiplyAdd() {
        assertThat(report(0)).hasToString("""
                        verified     3 rows, largest error 2.1e-07
                        rows         1,200
                        tokens       60,000
                        fingerprint  00000000deadbeef
                        seconds      2.5
                        tokens/s     24,000
                        GFLOP/s      20.0
                        output       file:/data/fused""");
    }

    @Test
    void saysHowManyRowsWereTruncatedWhereSomeWere() {
        assertThat(report(12).toString().lines())
                .contains("tokens       60,000", "truncated    12 rows", "seconds      2.5");
    }

    private static RunReport report(long truncated) {
        return new RunReport(
                1_200,
                60_000,
                truncated,
                25_000_000_000L,
                0xdeadbeefL,
                Duration.ofMillis(2_500),
                "3 rows, largest error 2.1e-07",
                "file:/data/fused");
    }
}
