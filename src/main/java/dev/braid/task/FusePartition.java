package dev.braid.task;

import dev.braid.decode.RowDecoder;
import dev.braid.model.Readout;
import dev.braid.progress.FusionProgress;
import dev.braid.progress.TaskCounter;
import dev.braid.publish.Shard;
import dev.braid.rows.StoredRow;
import dev.braid.rows.VectorOutput;
import java.io.Serializable;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.util.TaskCompletionListener;

/** The function that Spark runs on each partition: makes its {@link FusedRows}, which borrow the executor's model. */
public final class FusePartition implements FlatMapFunction<Iterator<StoredRow>, InternalRow>, Serializable {
    private static final long serialVersionUID = 1L;

    private final BroadcastModel model;
    private final int maxTokens;
    private final RowDecoder decoder;
    private final FusedLayout layout;
    /** Null if nothing is counted. */
    private final FusionProgress progress;

    public FusePartition(
            BroadcastModel model, int maxTokens, RowDecoder decoder, FusedLayout layout, FusionProgress progress) {
        this.model = model;
        this.maxTokens = maxTokens;
        this.decoder = decoder;
        this.layout = layout;
        this.progress = progress;
    }

    /** On the driver: counts these files of the run as finished. */
    void countFinished(List<Shard> finished) {
        if (progress != null) {
            progress.countFinished(finished);
        }
    }

    @Override
    public Iterator<InternalRow> call(Iterator<StoredRow> rows) {
        return fuse(rows, BadRowHandler.FAIL, null);
    }

    /**
     * The fused rows of a partition, closed at the end of the task.
     *
     * @param bad takes the rows that cannot be fused
     * @param vectors gives the output for a row's vectors, by the row's carried values; null if they go into the row
     */
    FusedRows fuse(Iterator<StoredRow> rows, BadRowHandler bad, Function<InternalRow, VectorOutput> vectors) {
        TaskContext task = TaskContext.get();
        Set<Readout> readouts = EnumSet.noneOf(Readout.class);
        layout.fused().forEach(column -> column.readout().ifPresent(readouts::add));
        ExecutorModel.Size size = new ExecutorModel.Size(maxTokens, readouts);
        TaskCounter counter =
                progress == null ? TaskCounter.start(null, task.partitionId()) : progress.startTask(task.partitionId());
        FusedRows fused = new FusedRows(
                rows,
                decoder,
                layout,
                bad,
                () -> ExecutorModel.borrow(model.id(), model::load, size),
                task.cpus(),
                progress,
                counter,
                vectors);
        // Also closes rows that are not read to the end, as when the task fails or a query has a limit.
        task.addTaskCompletionListener((TaskCompletionListener) ended -> {
            try {
                fused.close();
            } finally {
                counter.close();
            }
        });
        return fused;
    }
}
