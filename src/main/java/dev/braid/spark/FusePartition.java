package dev.braid.spark;

import dev.braid.InputException;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.model.FusionModel;
import dev.braid.model.Proof;
import java.io.Serializable;
import java.util.Iterator;
import java.util.UUID;
import org.apache.spark.SparkEnv;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.storage.BlockManagerId;
import org.apache.spark.util.TaskCompletionListener;

/** The function that every partition runs: borrow the executor's model, then {@link FusedRows}. */
final class FusePartition implements FlatMapFunction<Iterator<InternalRow>, Row>, Serializable {
    private static final long serialVersionUID = 1L;

    private final UUID id = UUID.randomUUID();
    private final Broadcast<Checkpoint> checkpoint;
    /** Null where nothing is to be proven. */
    private final Broadcast<Proof> proof;

    private final FusionConfig config;
    private final CarriedColumns carried;
    private final RowDecoder decoder;
    private final FusionProgress progress;

    FusePartition(
            Broadcast<Checkpoint> checkpoint,
            Broadcast<Proof> proof,
            FusionConfig config,
            CarriedColumns carried,
            RowDecoder decoder,
            FusionProgress progress) {
        this.checkpoint = checkpoint;
        this.proof = proof;
        this.config = config;
        this.carried = carried;
        this.decoder = decoder;
        this.progress = progress;
    }

    @Override
    public Iterator<Row> call(Iterator<InternalRow> rows) {
        long start = System.nanoTime();
        int threads = TaskContext.get().cpus();
        ExecutorModel.Borrowed borrowed = ExecutorModel.borrow(
                id, this::load, model -> model.workspace(config.maxTokens(), config.readouts(), threads));
        borrowed.workspace().stopwatch().start(start);
        FusedRows fused =
                new FusedRows(rows, decoder, carried, borrowed.model(), borrowed.workspace(), config, progress);
        TaskCompletionListener giveBack = context -> {
            fused.close();
            borrowed.close();
        };
        TaskContext.get().addTaskCompletionListener(giveBack);
        return fused;
    }

    /** Once per JVM: the model, proven before its first row. */
    private FusionModel load() {
        try {
            FusionModel model = FusionModel.load(checkpoint.value(), config.precision());
            if (proof != null) {
                prove(model);
            }
            return model;
        } catch (InputException refused) {
            BlockManagerId executor = SparkEnv.get().blockManager().blockManagerId();
            throw new InputException(
                    "On executor '" + executor.executorId() + "' (" + executor.host() + "): " + refused.getMessage(),
                    refused);
        }
    }

    private void prove(FusionModel model) {
        try {
            proof.value().verify(model);
        } catch (RuntimeException | Error failure) {
            model.close();
            throw failure;
        }
    }
}
