package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.spark.Manifest;
import java.time.Duration;
import java.util.List;
import java.util.Map;
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
        assertThat(report(1).toString().lines()).contains("truncated    1 row");
    }

    @Test
    void theRatesAreThoseOfTheRowsThatThisRunFused() {
        RunReport resumed = report(0, 300, 15_000);

        assertThat(resumed.toString().lines())
                .contains("rows         1,200", "resumed      900 rows were finished before", "tokens/s     6,000");
    }

    private static RunReport report(long truncated) {
        return report(truncated, 1_200, 60_000);
    }

    private static RunReport report(long truncated, long rows, long tokens) {
        Manifest manifest = new Manifest(
                1,
                "run",
                "identity",
                Map.of(),
                "",
                "",
                List.of(),
                new Manifest.Model("model", ""),
                Map.of(),
                "3 rows, largest error 2.1e-07",
                1_200,
                60_000,
                truncated,
                Map.of(),
                "00000000deadbeef",
                2.5,
                List.of());
        return new RunReport(manifest, rows, tokens, 25_000_000_000L, Duration.ofMillis(2_500), "file:/data/fused");
    }
}
