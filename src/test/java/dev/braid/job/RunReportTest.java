package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.publish.Manifest;
import dev.braid.publish.Shard;
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
    void theSameFiguresAreNumbersForLogCollectors() {
        assertThat(report(12).figures())
                .containsEntry("rows", 1_200L)
                .containsEntry("tokens", 60_000L)
                .containsEntry("truncated", 12L)
                .containsEntry("fingerprint", "00000000deadbeef")
                .containsEntry("seconds", 2.5)
                .containsEntry("tokensPerSecond", 24_000.0)
                .containsEntry("gflopPerSecond", 20.0)
                .containsEntry("output", "file:/data/fused");
    }

    @Test
    void saysHowManyRowsWereTruncatedWhereSomeWere() {
        assertThat(report(12).toString().lines())
                .contains("tokens       60,000", "truncated    12 rows", "seconds      2.5");
        assertThat(report(1).toString().lines()).contains("truncated    1 row");
    }

    @Test
    void theRatesAreThoseOfTheRowsThatThisRunFused() {
        RunReport resumed = report(0, 900, 15_000, null);

        assertThat(resumed.toString().lines())
                .contains("rows         1,200", "resumed      900 rows were finished before", "tokens/s     6,000");
    }

    @Test
    void saysWhatAnUpdateFoundAndMadeOfTheRows() {
        assertThat(report(0, 0, 60_000, new Manifest.Update("run", 1_190, 0, 0, 0, null))
                        .toString()
                        .lines())
                .contains("rows         10 new, 1,190 kept");
        assertThat(report(0, 0, 60_000, new Manifest.Update("run", 1_000, 150, 30, 1_234, "v"))
                        .toString()
                        .lines())
                .contains(
                        "rows         50 new, 1,000 kept, 150 changed, 30 removed",
                        "left         1,234 rows of the table are not in the input any more, --prune removes them");
        assertThat(report(0, 0, 60_000, new Manifest.Update("run", 1_199, 3, 0, 0, "v"))
                        .toString()
                        .lines())
                .contains("rows         0 new, 1,199 kept, 1 changed");
    }

    @Test
    void saysHowManyRowsNoPairRefersTo() {
        assertThat(report(0, 0, 60_000, null, Map.of("visual", 1L, "text", 1_234L))
                        .toString()
                        .lines())
                .containsSubsequence(
                        "unreferenced  1,234 rows of 'text' are in no pair",
                        "unreferenced  1 row of 'visual' is in no pair");
    }

    private static RunReport report(long truncated) {
        return report(truncated, 0, 60_000, null);
    }

    private static RunReport report(long truncated, long resumed, long tokens, Manifest.Update update) {
        return report(truncated, resumed, tokens, update, null);
    }

    private static RunReport report(
            long truncated, long resumed, long tokens, Manifest.Update update, Map<String, Long> unreferenced) {
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
                null,
                Map.of(),
                unreferenced,
                "00000000deadbeef",
                2.5,
                List.of(new Shard("plan", List.of(0), null, 1_200, 60_000, truncated, null, "0", null, Map.of())),
                null,
                update,
                null,
                null);
        return new RunReport(manifest, resumed, tokens, 25_000_000_000L, Duration.ofMillis(2_500), "file:/data/fused");
    }
}
