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
import dev.braid.storage.InputPlaces;
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
import java.util.function.Predicate;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Model.CommandSpec;

/**
 * A run of {@code braid fuse}. The constructor opens the model, the tables and the output, and refuses those that do not fit
 * together; {@link #run()} checks the keys and the numbers, fuses the rows and publishes the table. The next class to read is
 * {@link FusionEngine}, whose {@code write} fuses the rows.
 */
final class FuseRun {
    private final Instant start = Instant.now();
    private final FuseOptions options;
    private final CommandSpec spec;
    private final Messages messages;
    private final SparkSession spark;
    private final Configuration hadoop;
    private final PrintWriter out;

    private final FusedTable output;
    /** The table of the catalog to which the published rows are also written. */
    private final Optional<OutputTable> catalogTable;

    private final Optional<ReportFile> report;
    private final ModelDigest digest;
    private final FusionConfig config;
    private final FeatureTables input;
    /** The model as its directory describes it. The golden file holds PyTorch's numbers for this model. */
    private final Checkpoint stored;
    /** The same model with the pooling that the options ask for. */
    private final Checkpoint checkpoint;

    private final Partitioning partitions;
    private final Origin origin;
    private final Destination destination;
    /** What the report of the run is made from; empty until rows are about to be fused, and if no report is wanted. */
    private Optional<RunRecord> record = Optional.empty();

    /** Opens everything, and refuses what can be refused before a row is read. */
    FuseRun(FuseOptions options, CommandSpec spec, Messages messages, SparkSession spark) throws IOException {
        this.options = options;
        this.spec = spec;
        this.messages = messages;
        this.spark = spark;
        this.hadoop = spark.sparkContext().hadoopConfiguration();
        this.out = spec.commandLine().getOut();

        InputTables named = new InputTables(spark);
        List<String> places = named.places(options.input.tables());
        this.catalogTable = options.table.find(spark);
        InputPlaces inputs = inputs(places);
        this.output = FusedTable.at(
                options.output, options.overwrite, Optional.ofNullable(options.publish.publication), inputs, hadoop);
        this.report = ReportFile.at(options.report.file, output.path(), inputs, hadoop);
        this.digest = options.checkDigest(hadoop);
        Checkpoint read = Checkpoint.read(options.input.model, hadoop);
        this.config = options.config(options.repooled(read).config());
        FusionEngine.check(options.repooled(read), config);

        this.input = options.input.open(named, read.config(), config.columns());
        this.stored = read.withTokenIds(input.tokenIds(), options.input.model, hadoop);
        this.checkpoint = options.repooled(stored);
        this.partitions = input.partitioning(options.partitionBy);
        input.refuseUnwritable();
        if (options.update.update) {
            input.refuseSnapshots();
        }
        this.origin = new Origin(
                input.inputs(),
                new Manifest.Model(options.input.model, digest.sha256()),
                DecidingOptions.of(config, options.input.references(), options.partitionBy, checkpoint.config()));
        this.destination = destination();
    }

    /** What a run must not overwrite: the model, the input tables at these places and the table of the catalog. */
    private InputPlaces inputs(List<String> places) throws IOException {
        List<String> flat = new ArrayList<>(List.of(options.input.model));
        catalogTable.ifPresent(table -> flat.add(table.location()));
        return InputPlaces.of(places, flat, hadoop);
    }

    private Destination destination() throws IOException {
        if (options.update.update) {
            return options.update.of(spark, output.path(), origin, config, checkpoint.config());
        }
        if (!partitions.columns().isEmpty()) {
            return new PartitionRun(output.path(), partitions, origin, options.overwrite);
        }
        Predicate<Manifest> keeps =
                published -> catalogTable.isPresent() && catalogTable.get().keeps(published);
        return new NewTable(origin, keeps);
    }

    /** Fuses the rows and publishes the table, unless the published table is already what the run would write. */
    void run() throws IOException {
        Optional<RunDirectory> begun = destination.begin(output);
        if (begun.isEmpty()) {
            nothingToDo("is what this input, model and options give"
                    + (options.overwrite ? "" : "; --overwrite writes it anew"));
            commit();
            return;
        }
        Optional<Manifest> published;
        try (RunDirectory directory = begun.get();
                Exchanges exchanges = Exchanges.listen(spark.sparkContext())) {
            published = fuse(directory, exchanges);
        } catch (Exception | Error failure) { // Spark throws checked exceptions that it does not declare
            if (record.isEmpty()) { // the run failed before it fused a row
                report.ifPresent(ReportFile::removeEarlier);
            }
            throw failure;
        }
        if (published.isEmpty()) {
            return;
        }
        try {
            commit();
        } catch (Exception | Error failure) {
            failed(published, failure);
            throw failure;
        }
        record.ifPresent(done -> done.published(published.get(), out, messages));
    }

    /** Fuses the rows. Empty if the keys show that there is nothing to do. */
    private Optional<Manifest> fuse(RunDirectory directory, Exchanges exchanges) throws IOException {
        MemoryPlan memory = MemoryPlan.check(spark, checkpoint, config, input);
        Verification verification = options.verify(stored, hadoop);
        Verification.refuseChanged(digest);
        FeatureTables tables = destination.tables(input, directory);
        AuditedKeys keys = tables.audit(config.policy());
        if (destination.isDone(keys, directory)) {
            long left = keys.known().left();
            nothingToDo("has every key of this input" + (left == 0 ? "" : "; " + RunReport.left(left)));
            return Optional.empty();
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
        Manifest manifest;
        try {
            manifest = write(directory, verification, tables, keys, progress);
        } catch (Exception | Error failure) {
            failed(Optional.empty(), failure);
            throw failure;
        }
        print(manifest, progress);
        return Optional.of(manifest);
    }

    /** Writes the fused rows and those that are set aside, and publishes them. */
    @SuppressWarnings("try") // the progress line and the names of Spark's jobs end when these are closed
    private Manifest write(
            RunDirectory directory,
            Verification verification,
            FeatureTables tables,
            AuditedKeys keys,
            FusionProgress progress) {
        String fusing = "fuse " + JobDescription.list(options.input.tables()) + " into " + options.output;
        try (FusionEngine engine = FusionEngine.open(spark, checkpoint, verification.proof(), config);
                JobDescription job = JobDescription.of(spark, fusing);
                ProgressLine line = ProgressLine.start(messages, keys.toFuse(), progress)) {
            PairedTable paired = tables.pair(options.partitions(), keys);
            destination.check(paired, directory);
            catalogTable.ifPresent(table -> table.check(engine.written(paired)));
            long read = (long) (tables.bytes() * keys.shareToFuse());
            OutputFiles.Grouping files = new OutputFiles.Grouping(
                    options.outputFiles(),
                    FusedSchema.bytes(config, checkpoint.config(), keys.toFuse(), read),
                    partitions);
            RunManifest description = new RunManifest(start, spark.version(), origin);
            Manifest manifest = output.write(
                    directory,
                    path -> {
                        List<Shard> written =
                                new ArrayList<>(engine.write(paired, path, directory.id(), keys, files, progress));
                        written.addAll(tables.quarantine(keys, path, directory.id()));
                        List<Shard> all = destination.files(written, tables, keys, directory);
                        tables.refuseChanged();
                        return description.of(
                                directory,
                                verification.outcome(),
                                all,
                                keys.unreferenced(),
                                destination.update(keys, directory));
                    },
                    table -> destination.rows(keys, table, directory),
                    () -> SignalMessage.publishing(output.path()));
            SignalMessage.published(output.path());
            return manifest;
        }
    }

    /** Writes the published rows to the catalog table, too, if {@code --output-table} names one. */
    private void commit() throws IOException {
        if (catalogTable.isPresent()) {
            SignalMessage.publishing(output.path());
            List<Manifest.Committed> all =
                    output.commit(origin.identity(), catalogTable.get()).outputTables();
            Manifest.Committed done = all.get(all.size() - 1);
            SignalMessage.published(output.path());
            out.println(
                    SafeText.message("Table '" + done.name() + "' has these rows: snapshot '" + done.snapshot() + "'"));
        }
    }

    private void nothingToDo(String reason) {
        out.println(SafeText.message("Nothing to do: '" + output.path() + "' " + reason));
    }

    private void print(Manifest manifest, FusionProgress progress) {
        RunReport summary = new RunReport(
                manifest,
                progress.finishedRows(),
                progress.tokens(),
                progress.multiplyAdds(),
                Duration.between(start, Instant.now()),
                output.path());
        out.println(summary);
        if (messages.isJson()) {
            messages.info("Fused", summary.figures());
        }
        if (options.profile) {
            out.println();
            out.println(new ProfileReport(progress.stages(), progress.tokens(), progress.repeatedTokens()));
        }
    }

    /** Writes a page about a run that failed, but not about one that was stopped. */
    private void failed(Optional<Manifest> published, Throwable failure) {
        if (record.isPresent() && !SignalMessage.isStopping()) {
            record.get().failed(published, failure, messages);
        }
    }
}
