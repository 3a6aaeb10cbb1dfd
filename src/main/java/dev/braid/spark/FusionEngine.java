package dev.braid.spark;

import dev.braid.InputException;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.decode.RowDecoder;
import dev.braid.model.FusionModel;
import dev.braid.model.GoldenCheck;
import dev.braid.progress.FusionProgress;
import dev.braid.publish.Partitioning;
import dev.braid.publish.Shard;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.JobDescription;
import dev.braid.task.BroadcastModel;
import dev.braid.task.ExecutorModel;
import dev.braid.task.FusePartition;
import dev.braid.task.FusedColumn;
import dev.braid.task.FusedFiles;
import dev.braid.task.FusedLayout;
import dev.braid.task.OutputFiles;
import dev.braid.task.Quarantine;
import dev.braid.task.TaskFiles;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Fuses tables with one model. Open it once, use it for any number of tables, and close it at the end. The model is
 * broadcast; each executor JVM loads it, and replays its proof, when the first row arrives, and keeps it for the next table.
 *
 * <p>{@link #fuse} and {@link #append} compute nothing. The {@code Dataset} that they return computes its rows when an action
 * needs them, and only the columns that the action needs; the work is in {@link FusePartition}. Rows keep their order and
 * their partitions. Driver only; thread-safe.
 */
public final class FusionEngine implements AutoCloseable {
    /** How long a task of {@link #close} holds its slot, so that others get the other slots. */
    private static final long RELEASE_MILLIS = 50;
    /** How long {@link #close} waits for these tasks to get their slots and end. */
    private static final long RELEASE_SECONDS = 10;

    private static final Logger log = LoggerFactory.getLogger(FusionEngine.class);

    private final JavaSparkContext spark;
    private final Checkpoint checkpoint;
    private final FusionConfig config;
    private final BroadcastModel model;
    private volatile boolean closed;

    private FusionEngine(JavaSparkContext spark, Checkpoint checkpoint, FusionConfig config, BroadcastModel model) {
        this.spark = spark;
        this.checkpoint = checkpoint;
        this.config = config;
        this.model = model;
    }

    /**
     * Opens an engine. Nothing is sent to executors yet.
     *
     * @param proof replayed in every executor JVM before its first row, if there is one
     * @throws InputException if the model cannot give what {@code config} asks for
     */
    public static FusionEngine open(
            SparkSession session, Checkpoint checkpoint, Optional<GoldenCheck> proof, FusionConfig config) {
        check(checkpoint, config);
        JavaSparkContext spark = JavaSparkContext.fromSparkContext(session.sparkContext());
        return new FusionEngine(
                spark, checkpoint, config, BroadcastModel.of(spark, checkpoint, proof, config.precision()));
    }

    /**
     * Checks that a model can give what {@code config} asks for. Cheap.
     *
     * @throws InputException if it cannot
     */
    public static void check(Checkpoint checkpoint, FusionConfig config) {
        List<ModalityConfig> given = config.columns().features().stream()
                .map(FeatureColumn::modality)
                .toList();
        List<ModalityConfig> expected = checkpoint.config().modalities();
        boolean same = given.size() == expected.size()
                && IntStream.range(0, given.size()).allMatch(m -> given.get(m).isSame(expected.get(m)));
        if (!same) {
            throw new IllegalArgumentException("expected columns for modalities " + expected + ", got " + given);
        }
        if (config.emits(Emitted.POOLED) && checkpoint.config().pooling() == Pooling.NONE) {
            throw new InputException("Cannot fuse to pooled vectors: expected a pooling (pooling in config.json), got"
                    + " 'none'; name one, or emit tokens");
        }
        if (checkpoint.config().takesVectors()) {
            checkVectors(config);
        }
        FusionModel.checkSizes(checkpoint.config(), config.maxTokens());
    }

    /** Refuses what a model of one vector per modality cannot do: it has no attention, and needs every vector of a row. */
    private static void checkVectors(FusionConfig config) {
        List<String> problems = new ArrayList<>();
        for (Emitted shares : List.of(Emitted.ATTENTION, Emitted.ATTENTION_BY_LAYER)) {
            if (config.emits(shares)) {
                problems.add("expected to emit pooled or tokens, got " + shares.configName());
            }
        }
        if (config.policy().fusesRest()) {
            problems.add("expected a vector of every modality, got rows to be fused from the rest (fuse-rest)");
        }
        if (config.truncate()) {
            problems.add("expected one vector per modality, got sequences to be truncated");
        }
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot fuse with a model of one vector per modality", problems);
        }
    }

    /**
     * Fuses a table that has every modality; its other columns are ignored.
     *
     * @return the key and the kept columns unchanged, then, depending on the configuration, {@code fused} (one vector per row),
     *     {@code fused_tokens} (one per token, in the model's token order), {@code fused_lengths} (a struct that counts each
     *     modality's tokens), {@code attention} (a struct of the share of attention that each modality's tokens received)
     *     and {@code attention_by_layer} (an array of such structs). If the model has a CLS token, the first field of the structs
     *     is {@code cls}. Tokens that a mask or length drops are not in the output
     * @throws InputException if the table lacks a column or one has the wrong type. A row that cannot be fused, or an
     *     executor that cannot compute in the precision asked for, fails the job that computes the result, with an {@code
     *     InputException} as a cause
     */
    public Dataset<Row> fuse(Dataset<Row> paired) {
        refuseStream(paired);
        return fuse(PairedTable.of(paired, config.columns()), null);
    }

    /** Fuses a paired table. Counts its rows while they are computed, unless {@code progress} is null. */
    Dataset<Row> fuse(PairedTable paired, FusionProgress progress) {
        return dataset(paired, paired.columns().carried(), progress);
    }

    /**
     * Fuses a paired table into Parquet files with the columns of {@link #fuse(Dataset)}: a file for each task that has rows, and
     * at least one. In a partitioned table, a task writes a file per partition, without the partition columns. The policy of the
     * configuration decides whether a row that cannot be fused ends the run or is set aside. Tasks that an earlier run with the
     * same input, model and options has finished in this directory are not run again.
     *
     * @param directory an existing directory, which is empty or holds the files of such tasks
     * @param run the identifier of the run, which becomes part of the names of files
     * @param keys what the audit of the keys found
     * @param grouping how many files there are, and in which directories
     * @param progress counts rows; null if they are not counted
     * @return what each task wrote
     * @throws InputException as {@link #fuse(Dataset)}; the files of finished tasks stay in the directory
     * @throws IOException if the directory cannot be written
     */
    public List<Shard> write(
            PairedTable paired,
            String directory,
            String run,
            AuditedKeys keys,
            OutputFiles.Grouping grouping,
            FusionProgress progress)
            throws IOException {
        requireOpen();
        if (progress != null) {
            progress.expectRows(keys.toFuse(), keys.setAsideByReason());
        }
        Partitioning into = grouping.into();
        FusedFiles target = new FusedFiles(paired.carriedFields(), columns(), into.columns());
        FusePartition partition = partition(paired, target.layout(), progress);
        PairedTable rows = into.paths().size() > TaskFiles.MOST_OPEN ? inOrder(paired, into) : paired;
        return target.write(
                rows.storedRows(),
                rows.isRepeatable() ? Optional.of(paired.division()) : Optional.empty(),
                grouping,
                partition,
                directory,
                new Quarantine.Run(run, config.policy(), keys.rows(), keys.setAside()),
                paired.rows().sparkSession());
    }

    /** The rows in an order that is the same in every attempt of a task: that of the stored table, or sorted by partition. */
    private static PairedTable inOrder(PairedTable paired, Partitioning into) {
        if (!paired.isStored()) {
            return paired.sortedBy(into.columns());
        }
        log.warn(
                "The table has {} partitions, and a task keeps {} files open: where its rows alternate among more, it writes"
                        + " many small files; --partitions sorts them",
                into.paths().size(),
                TaskFiles.MOST_OPEN);
        return paired;
    }

    /**
     * All columns of a table, then the fused ones. The table needs no key; if the configuration names one, messages use it to
     * name rows.
     *
     * @throws InputException as {@link #fuse(Dataset)}, or if the table has a column of the name of a fused one
     */
    public Dataset<Row> append(Dataset<Row> table) {
        refuseStream(table);
        List<String> all = List.of(table.columns());
        PairedTable paired = PairedTable.of(table, config.columns().keepingAll(all));
        return dataset(paired, all, null);
    }

    private static void refuseStream(Dataset<Row> table) {
        if (table.isStreaming()) {
            throw new InputException(
                    "Cannot fuse a stream: expected a table, got one that is still read; fuse each of its"
                            + " batches in foreachBatch");
        }
    }

    private Dataset<Row> dataset(PairedTable paired, List<String> carried, FusionProgress progress) {
        requireOpen();
        if (!paired.columns().features().equals(config.columns().features())) {
            throw new IllegalArgumentException("expected the columns that the engine was opened for, "
                    + config.columns() + ", got " + paired.columns());
        }
        return new FusedRelation(this, paired, carried, progress).table();
    }

    /** The columns of the files that {@link #write} writes for a paired table. */
    public StructType written(PairedTable paired) {
        return new FusedFiles(paired.carriedFields(), columns(), List.of()).columns();
    }

    /** The columns that a fusion adds. */
    List<FusedColumn> columns() {
        return FusedSchema.columns(config, checkpoint.config());
    }

    /** The function that runs on each partition of a paired table. */
    FusePartition partition(PairedTable paired, FusedLayout layout, FusionProgress progress) {
        requireOpen();
        RowDecoder decoder = paired.decoder(config, checkpoint.config());
        return new FusePartition(model, config.maxTokens(), decoder, layout, progress);
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("Cannot fuse: expected an open engine, got one that is closed");
        }
    }

    /**
     * Frees the model's memory on the driver and the executors, by a short job with a task for every slot. Executors that are
     * busy with other jobs, and those that the job does not reach, free it when they load another model or end.
     */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        ExecutorModel.release(model.id());
        if (!spark.sc().isStopped()) {
            model.free();
            if (!spark.isLocal()) {
                releaseOnExecutors();
            }
        }
    }

    /** Ignores failures: an executor that has ended holds no memory. */
    @SuppressWarnings("try") // names Spark's jobs until it is closed
    private void releaseOnExecutors() {
        UUID id = model.id();
        int slots = Math.max(1, spark.defaultParallelism());
        List<Integer> tasks = new ArrayList<>(IntStream.range(0, slots).boxed().toList());
        JavaFutureAction<Void> job;
        try (JobDescription freeing = JobDescription.of(spark, "free the model's memory")) {
            job = spark.parallelize(tasks, slots).foreachPartitionAsync(ignored -> {
                ExecutorModel.release(id);
                Thread.sleep(RELEASE_MILLIS);
            });
        }
        try {
            job.get(RELEASE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException unreleased) {
            job.cancel(true);
            log.debug("Executors may hold the model until they load another one", unreleased);
        } catch (InterruptedException e) {
            job.cancel(true);
            Thread.currentThread().interrupt();
        }
    }
}
