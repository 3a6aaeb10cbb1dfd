package dev.braid.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.plan.JvmSettings;
import dev.braid.plan.MemoryPlan;
import dev.braid.progress.Exchanges.Exchange;
import dev.braid.progress.Figures;
import dev.braid.progress.SampleFigures;
import dev.braid.progress.Stage;
import dev.braid.progress.StageCost;
import dev.braid.publish.InputFile;
import dev.braid.publish.Manifest;
import dev.braid.publish.Origin;
import dev.braid.report.RunFacts.Setting;
import dev.braid.report.RunFacts.Work;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Pages of runs of all kinds; {@code .ci/report} shows them in a browser. */
class RunPageTest {
    private static final Instant START = Instant.parse("2026-11-27T01:02:03Z");
    private static final String SCRIPT = "<script>alert(1)</script>";
    private static final String[] IDS = {
        "summary", "throughput", "lengths", "bad-rows", "modalities", "stages", "memory", "audit", "settings"
    };

    @Test
    void everySectionIsThereWithItsNumbers() throws IOException {
        String page = keep("usual", page(facts(2, 195, 2, true, 0, Map.of("wrong_width", 1200L, "null_key", 3L))));

        for (String id : IDS) {
            assertThat(page).contains("<section aria-labelledby=\"" + id + "-title\" id=\"" + id + "\">");
        }
        assertThat(page)
                .contains("<b>390</b><span>rows fused</span>", "1,203 rows were set aside, 75.5\u202f% of all")
                .contains("<th scope=\"row\">wrong_width</th><td>1,200</td><td>99.8\u202f%</td>")
                .contains("390 keys: each is in the table or set aside")
                .contains("Mean share of attention");
        // The first group is of learned tokens: each row has as many, which a histogram need not show.
        assertThat(page)
                .contains("{\"name\":\"modality 1\",\"median\"")
                .doesNotContain("{\"name\":\"modality 0\",\"median\"");
    }

    @Test
    void whatUsersNamedIsTextWhereverItStands() {
        String name = SCRIPT + "\" onload=\"x' & \u0000\ud800 \ud83c\udf53";
        RunFacts facts = new RunFacts(
                "file:/data/" + name,
                Optional.empty(),
                Optional.of("Cannot decode row '" + name + "': no"),
                new Origin(
                        List.of(new InputFile(name, name, 1, "2026-11-27T01:02:03Z", null, null, 2)),
                        new Manifest.Model(name, name),
                        Map.of()),
                name,
                START,
                Duration.ofSeconds(1),
                List.of(new RunFacts.Group(name, true), new RunFacts.Group("</script>" + name, true)),
                work(SampleFigures.of(1, 2, 2, true, START.toEpochMilli()), 0),
                memory(),
                Map.of("braid", name),
                List.of(new Setting(name, name, true)),
                List.of(new Setting("spark.x", "s3a://user:hunter2@bucket/x?token=hunter2", true)));
        String page = RunPage.of(facts);

        assertThat(page).doesNotContain("<script>alert", "hunter2", "\u0000", "\ud800 ");
        assertThat(page).contains("&lt;script&gt;alert(1)&lt;/script&gt;", "s3a://user:***@bucket");
        // The page's own: the data, D3 and the charts.
        assertThat(page.split("</script>", -1)).hasSize(4);
        assertThat(page.split("<script", -1)).hasSize(4);
    }

    @Test
    void aNameInAnAttributeEndsInIt() {
        assertThat(Html.page().with("title", "a\" onload=\"x").toString()).contains("title=\"a&quot; onload=&quot;x\"");
    }

    @Test
    void thePageLoadsNothingAndItsPolicyForbidsAllElse() {
        String page = page(facts(2, 10, 2, false, 0, Map.of()));

        assertThat(page)
                .startsWith("<!DOCTYPE html")
                .contains("default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src 'sha256-")
                .contains("Permission to use, copy, modify, and/or distribute");
        assertThat(page.replaceAll("(?s)<script.*?</script>", ""))
                .doesNotContain("src=", "@import", "url(", "unsafe-inline", "http:", "https:");
        assertThat(page.split("href=\"", -1))
                .filteredOn(rest -> !rest.startsWith("<!DOCTYPE"))
                .allMatch(rest -> rest.startsWith("#") || rest.startsWith("data:,\""));
    }

    @Test
    void aRunWithoutBadRowsOrAttentionSaysSoInsteadOfEmptyCharts() throws IOException {
        String page = keep("small", page(facts(1, 2, 1, false, 0, Map.of())));

        assertThat(page)
                .contains("Every row could be fused.", "--emit pooled,attention")
                .doesNotContain("data-chart=\"bad-rows\"", "Mean share of attention");
    }

    @Test
    void aRunOfWhichAllWasFinishedBeforeSaysSo() throws IOException {
        RunFacts facts = facts(0, 0, 2, false, 390, Map.of());
        String page = keep("resumed", page(facts));

        assertThat(page)
                .contains("This run fused no row itself: an earlier run, which was stopped, had fused all 390.")
                .contains("<b>390</b><span>rows resumed</span>")
                .doesNotContain("data-chart=\"throughput\"", "data-chart=\"lengths\"", "data-chart=\"stages\"");
    }

    @Test
    void aFailedRunShowsWhyAndHowFarItCame() throws IOException {
        RunFacts good = facts(2, 100, 2, false, 0, Map.of());
        RunFacts failed = new RunFacts(
                good.output(),
                Optional.empty(),
                Optional.of("Cannot fuse with these settings:\n  heap: expected 2 GiB"),
                good.origin(),
                good.verified(),
                START,
                Duration.ofMinutes(61),
                good.groups(),
                good.work(),
                good.memory(),
                good.versions(),
                good.options(),
                good.spark());
        String page = keep("failed", page(failed));

        assertThat(page)
                .contains("<p>Cannot fuse with these settings:</p><p>  heap: expected 2 GiB</p>")
                .contains("200 of 1,000 fused when the run failed", "so nothing was audited", "1 h 1 min");
    }

    @Test
    void aHundredThousandTasksAndFiveModalitiesGiveAPageOfTheSameSize() throws IOException {
        String page = keep("large", page(facts(100_000, 3, 5, true, 0, Map.of("too_long", 7L))));

        assertThat(page.length()).isLessThan(400_000);
        assertThat(page)
                .contains(
                        "100,000 tasks fused for 13 h 53 min", "modality 4", "< 0.1\u202f% of all".replace("<", "&lt;"))
                .contains("\"bars\":[{\"from\":1,\"to\":10,");
    }

    @Test
    void whatMovedBetweenTasksIsListed() throws IOException {
        assertThat(page(facts(4, 50, 2, true, 0, Map.of())))
                .contains("fuse pairs, images into fused</th><td>1,500</td><td>3,145,728</td>")
                .contains("total</th><td>3,000</td><td>3,166,208</td>");
        assertThat(page(facts(4, 50, 2, true, 10, Map.of()))).contains("Nothing moved between tasks");
    }

    /** To look at. */
    private static String keep(String name, String page) throws IOException {
        Path directory = Files.createDirectories(Path.of("target/report-pages"));
        Files.writeString(directory.resolve(name + ".html"), page);
        return page;
    }

    private static String page(RunFacts facts) {
        return RunPage.of(facts);
    }

    private static RunFacts facts(
            int tasks, int rows, int groups, boolean attention, long finished, Map<String, Long> bad) {
        Figures figures = SampleFigures.of(tasks, rows, groups, attention, START.toEpochMilli() + 4000);
        long all = figures.lengths().rows() + finished;
        Manifest manifest = new Manifest(
                1,
                "00000000-0000-0000-0000-000000000000",
                "identity",
                Map.of(),
                "",
                "",
                List.of(),
                new Manifest.Model("model", "0123456789abcdef"),
                Map.of(),
                "4 rows, largest error 1.2e-06",
                all,
                figures.lengths().tokens(),
                0,
                null,
                bad,
                null,
                "00000000deadbeef",
                10,
                List.of(),
                new Manifest.Audit(2, all, all),
                null,
                null,
                null);
        return new RunFacts(
                "file:/data/fused",
                Optional.of(manifest),
                Optional.empty(),
                new Origin(List.of(), manifest.model(), Map.of()),
                manifest.verified(),
                START,
                Duration.ofMillis(6000 + 500L * tasks),
                IntStream.range(0, groups)
                        .mapToObj(g -> new RunFacts.Group("modality " + g, g > 0))
                        .toList(),
                work(figures, finished),
                memory(),
                Map.of("braid", "1.0"),
                List.of(new Setting("key", "id", true), new Setting("emit", "pooled", false)),
                List.of());
    }

    private static Work work(Figures figures, long finished) {
        List<StageCost> stages = List.of(Stage.values()).stream()
                .map(stage -> new StageCost(
                        stage,
                        figures.spans().isEmpty()
                                ? 0
                                : 1_000_000L * stage.label().length(),
                        stage == Stage.ATTENTION ? 30_000_000L : 0))
                .toList();
        return new Work(
                1000,
                figures.lengths().rows(),
                figures.lengths().tokens(),
                finished,
                30_000_000L,
                stages,
                figures,
                finished > 0
                        ? List.of()
                        : List.of(
                                new Exchange("check the keys of pairs", 1_500, 20_480),
                                new Exchange("fuse pairs, images into fused", 1_500, 3 << 20)));
    }

    private static MemoryPlan memory() {
        JvmSettings jvm =
                new JvmSettings(JvmSettings.Manager.YARN, 4, 1, 1L << 30, 1L << 29, 0, (1L << 30) + (1L << 29));
        return new MemoryPlan(
                jvm,
                List.of(new MemoryPlan.Part("rows", 100L << 20, 4)),
                List.of(new MemoryPlan.Part("weights", 200L << 20, 1)),
                null);
    }
}
