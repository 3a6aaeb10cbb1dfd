package dev.braid.report;

import dev.braid.spark.Exchanges.Exchange;
import dev.braid.spark.Figures;
import dev.braid.spark.Manifest;
import dev.braid.spark.MemoryPlan;
import dev.braid.spark.StageCost;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a report shows of a run.
 *
 * @param output where the table is, or was to be
 * @param manifest of the published table; empty if the run failed
 * @param failure why it failed; empty if it did not
 * @param origin what it read
 * @param verified what the check against PyTorch's numbers gave
 * @param started when a Spark session had started
 * @param elapsed from there to the table published, or to the failure
 * @param groups of a row's tokens, in token order
 * @param memory of the JVMs that fused, as it was estimated when the run began
 * @param versions of Braid, Spark and Java
 * @param options all options, in the order in which they are shown
 * @param spark settings of Spark
 */
public record RunFacts(
        String output,
        Optional<Manifest> manifest,
        Optional<String> failure,
        Manifest.Origin origin,
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
     * @param isModality whether the tokens are those of a modality; otherwise the model learned them, such as CLS
     */
    public record Group(String name, boolean isModality) {}

    /**
     * What the run did itself.
     *
     * @param expectedRows rows that it was to fuse, with those of {@code finishedRows} and bad ones
     * @param rows that it fused
     * @param tokens of these rows
     * @param finishedRows rows that an earlier run, which was stopped, had fused
     * @param multiplyAdds of all matrix products
     * @param exchanges what moved between tasks
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
     * @param value that took effect; blank if there is none
     * @param given whether the user gave it; otherwise it is a default
     */
    public record Setting(String name, String value, boolean given) {}

    double seconds() {
        return Math.max(elapsed.toNanos() / 1e9, 1e-3);
    }

    /** The rows of the table that are set aside, by reason; none if nothing was published. */
    Map<String, Long> quarantined() {
        return manifest.map(Manifest::quarantined).orElse(Map.of());
    }
}
