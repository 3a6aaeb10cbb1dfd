package dev.braid.report;

import dev.braid.plan.MemoryPlan;
import dev.braid.progress.Exchanges.Exchange;
import dev.braid.progress.Figures;
import dev.braid.progress.StageCost;
import dev.braid.publish.Manifest;
import dev.braid.publish.Origin;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The data of a run report.
 *
 * @param output the path of the table, even if it was not published
 * @param manifest of the published table; empty if nothing was published
 * @param failure why the run failed; empty if it succeeded
 * @param origin what the run read
 * @param verified the result of the check against PyTorch's numbers
 * @param started when the Spark session was ready
 * @param elapsed from then until the table was published, or the run failed
 * @param groups of a row's tokens, in token order
 * @param memory the estimate for the JVMs that fuse, made when the run began
 * @param versions of Braid, Spark and Java
 * @param options all options, in display order
 * @param spark settings of Spark
 */
public record RunFacts(
        String output,
        Optional<Manifest> manifest,
        Optional<String> failure,
        Origin origin,
        String verified,
        Instant started,
        Duration elapsed,
        List<Group> groups,
        Work work,
        MemoryPlan memory,
        Map<String, String> versions,
        List<Setting> options,
        List<Setting> spark) {

    /**
     * A group of a row's tokens.
     *
     * @param isModality whether the tokens come from a modality; otherwise they are learned tokens of the model, such as
     *     CLS
     */
    public record Group(String name, boolean isModality) {}

    /**
     * The work of this run itself, without that of earlier, stopped runs.
     *
     * @param expectedRows all rows to fuse, including {@code finishedRows} and bad rows
     * @param rows that this run fused
     * @param tokens of these rows
     * @param finishedRows rows that an earlier, stopped run had fused
     * @param multiplyAdds of all matrix products
     * @param exchanges data that moved between tasks
     */
    public record Work(
            long expectedRows,
            long rows,
            long tokens,
            long finishedRows,
            long multiplyAdds,
            List<StageCost> stages,
            Figures figures,
            List<Exchange> exchanges) {}

    /**
     * A setting.
     *
     * @param value the value in effect; blank if there is none
     * @param given whether the user set it; otherwise it is a default
     */
    public record Setting(String name, String value, boolean given) {}

    double seconds() {
        return Math.max(elapsed.toNanos() / 1e9, 1e-3);
    }

    /** The quarantined rows by reason; empty if nothing was published. */
    Map<String, Long> quarantined() {
        return manifest.map(Manifest::quarantined).orElse(Map.of());
    }
}
