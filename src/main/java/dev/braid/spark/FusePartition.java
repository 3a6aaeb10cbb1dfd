package dev.braid.spark;

import dev.braid.model.Readout;
import java.io.Serializable;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.sql.catalyst.InternalRow;

/** The function that every partition runs: {@link FusedRows}, on the executor's model. */
final class FusePartition implements FlatMapFunction<Iterator<StoredRow>, InternalRow>, Serializable {
    private static final long serialVersionUID = 1L;

    /** By task, the rows of the partition that it began last: one task may compute several. */
    private static final Map<Long, FusedRows> LATEST = new ConcurrentHashMap<>();

    private final BroadcastModel model;
    private final int maxTokens;
    private final RowDecoder decoder;
    private final FusedLayout layout;
    /** Null where nobody counts. */
    private final FusionProgress progress;

    FusePartition(
            BroadcastModel model, int maxTokens, RowDecoder decoder, FusedLayout layout, FusionProgress progress) {
        this.model = model;
        this.maxTokens = maxTokens;
        this.decoder = decoder;
        this.layout = layout;
        this.progress = progress;
    }

    @Override
    public Iterator<InternalRow> call(Iterator<StoredRow> rows) {
        TaskContext task = TaskContext.get();
        Set<Readout> readouts = EnumSet.noneOf(Readout.class);
        layout.fused().forEach(column -> column.readout().ifPresent(readouts::add));
        ExecutorModel.Size size = new ExecutorModel.Size(maxTokens, readouts, task.cpus());
        FusedRows fused = new FusedRows(
                rows,
                decoder,
                layout,
                BadRows.FAIL,
                () -> ExecutorModel.borrow(model.id(), model::load, size),
                progress);
        LATEST.put(task.taskAttemptId(), fused);
        task.addTaskCompletionListener(ended -> {
            fused.close(); // A task that fails, or that needs no more rows, has not read to the end.
            if (LATEST.remove(task.taskAttemptId(), fused)) {
                fused.written();
            }
        });
        return fused;
    }
}
