package dev.braid.job;

import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModelDigest;
import dev.braid.destination.Destination;
import dev.braid.destination.NewTable;
import dev.braid.destination.OutputTable;
import dev.braid.destination.PartitionRun;
import dev.braid.plan.MemoryPlan;
import dev.braid.progress.Exchanges;
import dev.braid.progress.FusionProgress;
import dev.braid.publish.FusedTable;
import dev.braid.publish.Manifest;
import dev.braid.publish.Origin;
import dev.braid.publish.Partitioning;
import dev.braid.publish.RunDirectory;
import dev.braid.publish.Shard;
import dev.braid.spark.AuditedKeys;
import dev.braid.spark.FeatureTables;
import dev.braid.spark.FusedSchema;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.FusionEngine;
import dev.braid.spark.PairedTable;
import dev.braid.spark.Verification;
import dev.braid.tables.InputTables;
import dev.braid.tables.JobDescription;
import dev.braid.task.OutputFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Predicate;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/**
 * {@code braid fuse}: feature tables in, a table of fused representations out. {@link #call()} is the run, a line per
 * step; the next class to read is {@link FusionEngine}, whose {@code write} fuses the rows.
 */
@Command(
        name = "fuse",
        description = "Fuses the modalities of every row with a Transformer and writes one table of representations.",
        customSynopsis = {
            "jobs/fuse.sh [SPARK... --] --model DIR --paired TABLE --key COL --output PATH [OPTION]...",
            "       jobs/fuse.sh [SPARK... --] --model DIR --features M=TABLE... --key COL --output PATH [OPTION]...",
            "       jobs/fuse.sh [SPARK... --] --model DIR --features M=TABLE... --pairs TABLE --pair M=COL... --key COL"
                    + " --output PATH [OPTION]..."
        },
        sortOptions = false,
        footerHeading = "%nExit codes:%n",
        footer = {
            "  0  done, or nothing to do",
            "  1  failed: storage, network, lost executors, memory, a full disk or a fault of Braid; a retry may",
            "     help; or the table is complete and its report cannot be printed",
            "  2  the command line or the options file is wrong, the output exists, another run writes it, or",
            "     the history of --output-table forbids writing the rows again",
            "  3  a path, a table or the model lacks or holds something that it should not, or no run can",
            "     succeed with so little memory; a retry cannot help",
            "  130, 143  stopped by SIGINT or SIGTERM; one line says what was published; the same command,",
            "     started again, continues from the finished files (after a crash too)",
            "",
            "Examples:",
            "  jobs/fuse.sh --model model --paired pairs.parquet --key id --output fused",
            "  jobs/fuse.sh --model model --features visual=images.parquet --features text=captions.parquet \\",
            "      --dtype visual=float16 --key id --keep label --emit pooled,tokens --output fused",
            "  jobs/fuse.sh --model model --features visual=images --features text=captions --pairs pairs \\",
            "      --pair visual=image_id --pair text=caption_id --key pair_id --output fused",
            "  jobs/fuse.sh --master yarn --num-executors 8 -- --model hdfs:///model --paired hdfs:///pairs \\",
            "      --key id --output hdfs:///fused"
        })
final class FuseCommand implements Callable<Integer> {
    @Mixin
    FuseOptions options;

    @Option(
            names = "--options",
            paramLabel = "FILE",
            description = "File with any of these options, as 'max-tokens = 4096' or 'features.visual = PATH'; the"
                    + " command line wins. Default: conf/braid.properties, when started by jobs/fuse.sh.")
    String optionsFile;

    @ParentCommand
    private Braid braid;

    @Spec
    private CommandSpec spec;

    @Override
    @SuppressWarnings("try") // the progress line and the names of Spark's jobs end when these are closed
    public Integer call() throws IOException {
        options.check("fuse");
        try (Session session = Session.open("fuse")) {
            SparkSession spark = session.spark();
            Instant start = Instant.now();
            SignalMessage.unpublished(() -> 0);
            Configuration hadoop = spark.sparkContext().hadoopConfiguration();
            List<String> inputs = new ArrayList<>(List.of(options.input.model));
            InputTables named = new InputTables(spark);
            inputs.addAll(named.places(options.input.tables()));
            Optional<OutputTable> catalogTable = options.table.find(spark);
            catalogTable.ifPresent(found -> inputs.add(found.location()));
            FusedTable output = FusedTable.at(
                    options.output,
                    options.overwrite,
                    Optional.ofNullable(options.publish.publication),
                    inputs,
                    hadoop);
            Optional<ReportFile> report = ReportFile.at(options.report.file, output.path(), hadoop);
            ModelDigest digest = options.checkDigest(hadoop);
            Checkpoint stored = Checkpoint.read(options.input.model, hadoop);
            Checkpoint described = options.repooled(stored);
            FusionConfig config = options.config(described.config());
            FusionEngine.check(described, config);

            FeatureTables input = options.input.open(named, stored.config(), config.columns());
            Checkpoint read = stored.withTokenIds(input.tokenIds(), options.input.model, hadoop);
            Checkpoint checkpoint = options.repooled(read);
            Partitioning partitions = input.partitioning(options.partitionBy);
            input.refuseUnwritable();
            if (options.update.update) {
                input.refuseSnapshots();
            }
            Origin origin = new Origin(
                    input.inputs(),
                    new Manifest.Model(options.input.model, digest.sha256()),
                    DecidingOptions.of(config, options.input.references(), options.partitionBy, checkpoint.config()));
            RunManifest description = new RunManifest(start, spark.version(), origin);
            Destination destination = options.update.update
                    ? options.update.of(spark, output.path(), origin, config, checkpoint.config())
                    : partitions.columns().isEmpty()
                            ? new NewTable(
                                    origin,
                                    catalogTable
                                            .<Predicate<Manifest>>map(found -> found::keeps)
                                            .orElse(published -> false))
                            : new PartitionRun(output.path(), partitions, origin, options.overwrite);
            PrintWriter out = spec.commandLine().getOut();
            Optional<RunDirectory> begun = destination.begin(output);
            if (begun.isEmpty()) {
                out.println(SafeText.message("Nothing to do: '" + output.path()
                        + "' is what this input, model and options give"
                        + (options.overwrite ? "" : "; --overwrite writes it anew")));
                commit(output, catalogTable, origin);
                return ExitCode.DONE;
            }
            Optional<RunRecord> record = Optional.empty();
            Manifest manifest;
            try (RunDirectory run = begun.get();
                    Exchanges exchanges = Exchanges.listen(spark.sparkContext())) {
                MemoryPlan memory = MemoryPlan.check(spark, checkpoint, config, input);
                Verification verification = options.verify(read, hadoop);
                Verification.refuseChanged(digest);
                FeatureTables tables = destination.tables(input, run);
                AuditedKeys keys = tables.audit(config.policy());
                if (destination.isDone(keys, run)) {
                    long left = keys.known().left();
                    out.println(SafeText.message("Nothing to do: '" + output.path() + "' has every key of this input"
                            + (left == 0 ? "" : "; " + RunReport.left(left))));
                    return ExitCode.DONE;
                }
                FusionProgress progress = FusionProgress.start(spark.sparkContext());
                SignalMessage.unpublished(() -> progress.finishedRows() + progress.rows());
                record = report.map(file -> new RunRecord(
                        file,
                        spec,
                        spark,
                        start,
                        output.path(),
                        origin,
                        checkpoint.config(),
                        verification.outcome(),
                        keys.toFuse(),
                        memory,
                        progress,
                        exchanges));
                if (record.isPresent()) {
                    progress.collectFigures(spark.sparkContext());
                }
                try (FusionEngine engine = FusionEngine.open(spark, checkpoint, verification.proof(), config);
                        JobDescription fusing = JobDescription.of(
                                spark,
                                "fuse " + JobDescription.list(options.input.tables()) + " into " + options.output);
                        ProgressLine line = ProgressLine.start(braid.messages(), keys.toFuse(), progress)) {
                    PairedTable paired = tables.pair(options.partitions(), keys);
                    destination.check(paired, run);
                    catalogTable.ifPresent(found -> found.check(engine.written(paired)));
                    OutputFiles.Grouping files = new OutputFiles.Grouping(
                            options.outputFiles(),
                            FusedSchema.bytes(config, checkpoint.config(), keys.toFuse(), (long)
                                    (tables.bytes() * keys.shareToFuse())),
                            partitions);
                    manifest = output.write(
                            run,
                            directory -> {
                                List<Shard> written = new ArrayList<>(
                                        engine.write(paired, directory, run.id(), keys, files, progress));
                                written.addAll(tables.quarantine(keys, directory, run.id()));
                                List<Shard> all = destination.files(written, tables, keys, run);
                                tables.refuseChanged();
                                return description.of(
                                        run,
                                        verification.outcome(),
                                        all,
                                        keys.unreferenced(),
                                        destination.update(keys, run));
                            },
                            table -> destination.rows(keys, table, run),
                            () -> SignalMessage.publishing(output.path()));
                    SignalMessage.published(output.path());
                } catch (Exception | Error failure) { // Spark throws checked exceptions that it does not declare
                    failed(record, Optional.empty(), failure);
                    throw failure;
                }
                RunReport summary = new RunReport(
                        manifest,
                        progress.finishedRows(),
                        progress.tokens(),
                        progress.multiplyAdds(),
                        Duration.between(start, Instant.now()),
                        output.path());
                out.println(summary);
                if (braid.messages().isJson()) {
                    braid.messages().info("Fused", summary.figures());
                }
                if (options.profile) {
                    out.println();
                    out.println(new ProfileReport(progress.stages(), progress.tokens(), progress.repeatedTokens()));
                }
            } catch (Exception | Error failure) {
                if (record.isEmpty()) { // the run failed before it fused a row
                    report.ifPresent(ReportFile::removeEarlier);
                }
                throw failure;
            }
            try {
                commit(output, catalogTable, origin);
            } catch (Exception | Error failure) {
                failed(record, Optional.of(manifest), failure);
                throw failure;
            }
            record.ifPresent(done -> done.published(manifest, out, braid.messages()));
            return ExitCode.DONE;
        }
    }

    /** Writes a page about a run that failed, but not about one that was stopped. */
    private void failed(Optional<RunRecord> record, Optional<Manifest> manifest, Throwable failure) {
        if (record.isPresent() && !SignalMessage.isStopping()) {
            record.get().failed(manifest, failure, braid.messages());
        }
    }

    /** Also writes the published rows to the catalog table that {@code --output-table} names, if any. */
    private void commit(FusedTable output, Optional<OutputTable> table, Origin origin) throws IOException {
        if (table.isPresent()) {
            SignalMessage.publishing(output.path());
            List<Manifest.Committed> all =
                    output.commit(origin.identity(), table.get()).outputTables();
            Manifest.Committed done = all.get(all.size() - 1);
            SignalMessage.published(output.path());
            spec.commandLine()
                    .getOut()
                    .println(SafeText.message(
                            "Table '" + done.name() + "' has these rows: snapshot '" + done.snapshot() + "'"));
        }
    }
}
