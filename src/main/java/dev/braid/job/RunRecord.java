package dev.braid.job;

import dev.braid.checkpoint.ModelConfig;
import dev.braid.failure.Diagnosis;
import dev.braid.plan.MemoryPlan;
import dev.braid.progress.Exchanges;
import dev.braid.progress.FusionProgress;
import dev.braid.publish.Manifest;
import dev.braid.publish.Origin;
import dev.braid.report.RunFacts;
import dev.braid.report.RunFacts.Setting;
import dev.braid.report.RunFacts.Work;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/**
 * The data of a run report, collected during the run.
 *
 * @param file where the page is written
 * @param rows the rows to fuse, including bad ones
 */
record RunRecord(
        ReportFile file,
        CommandSpec command,
        SparkSession spark,
        Instant start,
        String output,
        Origin origin,
        ModelConfig model,
        String verified,
        long rows,
        MemoryPlan memory,
        FusionProgress progress,
        Exchanges exchanges) {

    /** The Spark settings that say where a run ran and with which resources; only those that are set are shown. */
    private static final List<String> SPARK = List.of(
            "spark.master",
            "spark.app.id",
            "spark.submit.deployMode",
            "spark.driver.memory",
            "spark.executor.instances",
            "spark.executor.cores",
            "spark.executor.memory",
            "spark.executor.memoryOverhead",
            "spark.dynamicAllocation.enabled",
            "spark.dynamicAllocation.maxExecutors",
            "spark.task.cpus",
            "spark.default.parallelism",
            "spark.sql.shuffle.partitions",
            "spark.sql.files.maxPartitionBytes",
            "spark.sql.parquet.compression.codec");

    /** Writes the page of a published table and prints its path. If the page cannot be written, prints only a warning. */
    void published(Manifest manifest, PrintWriter out, Messages messages) {
        if (write(Optional.of(manifest), Optional.empty(), messages, "the table '" + output + "' is complete")) {
            out.println(SafeText.message("report       " + file));
        }
    }

    /**
     * Writes the page of a run that failed.
     *
     * @param manifest of the table, if the table was published before the failure
     */
    void failed(Optional<Manifest> manifest, Throwable failure, Messages messages) {
        StringWriter message = new StringWriter();
        try {
            new Failure(new Messages(new PrintWriter(message, true))).report(failure, "fuse", false);
        } catch (RuntimeException | Error untold) { // the run's own failure must reach the user
            failure.addSuppressed(untold);
        }
        if (write(manifest, Optional.of(message.toString().strip()), messages, "why the run failed follows")) {
            messages.info(SafeText.message("A report of the failed run is in '" + file + "'"), Map.of());
        }
    }

    private boolean write(Optional<Manifest> manifest, Optional<String> failure, Messages messages, String rest) {
        try {
            file.write(facts(manifest, failure));
            return true;
        } catch (Exception | Error unwritten) { // a failed report must not fail the run
            messages.error(SafeText.message(
                    "Cannot write the report '" + file + "': expected a path that can be written, got '"
                            + Diagnosis.of(unwritten).cause() + "'; " + rest));
            return false;
        }
    }

    private RunFacts facts(Optional<Manifest> manifest, Optional<String> failure) {
        Map<String, String> versions = new LinkedHashMap<>();
        versions.put("braid", Braid.version());
        versions.put("spark", spark.version());
        versions.put("java", System.getProperty("java.version"));
        return new RunFacts(
                output,
                manifest,
                failure,
                origin,
                verified,
                start,
                Duration.between(start, Instant.now()),
                groups(),
                new Work(
                        rows,
                        progress.rows(),
                        progress.tokens(),
                        progress.finishedRows(),
                        progress.multiplyAdds(),
                        progress.stages(),
                        progress.figures(),
                        exchanges.all()),
                memory,
                versions,
                options(),
                sparkSettings());
    }

    private List<RunFacts.Group> groups() {
        return model.groups().stream()
                .map(group -> new RunFacts.Group(group.name(), !group.isLearned()))
                .toList();
    }

    /** Every option by its name in an options file, with the value in effect. */
    private List<Setting> options() {
        ParseResult given = command.commandLine().getParseResult();
        List<Setting> settings = new ArrayList<>();
        for (OptionSpec option : command.options()) {
            if (!OptionsFile.inFile(option)) {
                continue;
            }
            String name = option.longestName().substring(2);
            boolean isGiven = given != null && given.hasMatchedOption(option);
            if (OptionsFile.isPerModality(option)) {
                perModality(name, isGiven ? option.originalStringValues() : List.of(), settings);
                continue;
            }
            String effective = origin.options().getOrDefault(name, byDefault(option));
            String value = isGiven && !option.originalStringValues().isEmpty()
                    ? String.join(",", option.originalStringValues())
                    : effective;
            settings.add(new Setting(name, value, isGiven && !value.isBlank()));
        }
        return settings;
    }

    private static String byDefault(OptionSpec option) {
        return option.defaultValue() != null
                ? option.defaultValue()
                : option.arity().max() == 0 ? "false" : "";
    }

    private void perModality(String name, List<String> given, List<Setting> settings) {
        Map<String, String> values = new LinkedHashMap<>();
        Set<String> named = new LinkedHashSet<>();
        origin.options().forEach((option, value) -> {
            if (option.startsWith(name + ".")) {
                values.put(option, value);
            }
        });
        for (String assignment : given) {
            int equals = assignment.indexOf('=');
            String key = name + "." + assignment.substring(0, equals);
            values.put(key, assignment.substring(equals + 1));
            named.add(key);
        }
        values.forEach((key, value) -> settings.add(new Setting(key, value, named.contains(key))));
    }

    private List<Setting> sparkSettings() {
        SparkConf conf = spark.sparkContext().getConf();
        return SPARK.stream()
                .filter(conf::contains)
                .map(name -> new Setting(name, conf.get(name), false))
                .collect(Collectors.toList());
    }
}
