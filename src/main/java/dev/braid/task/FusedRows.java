package dev.braid.task;

import dev.braid.decode.BadRow;
import dev.braid.decode.RowDecoder;
import dev.braid.decode.UnfitValueException;
import dev.braid.model.Cost;
import dev.braid.model.Readout;
import dev.braid.progress.Figures;
import dev.braid.progress.FusionProgress;
import dev.braid.progress.MemoryPeak;
import dev.braid.progress.Stage;
import dev.braid.progress.Stopwatch;
import dev.braid.progress.TaskCounter;
import dev.braid.rows.RowWriter;
import dev.braid.rows.StoredRow;
import dev.braid.rows.VectorOutput;
import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.spark.SparkEnv;
import org.apache.spark.sql.catalyst.InternalRow;

/**
 * The fused rows of one partition, in the order of its rows. Reads rows until a batch is full, fuses the batch, and hands out
 * its rows one by one; each row is valid until the next one. Memory holds one input row and the batches of {@link Lanes}. The
 * model and its workspaces are borrowed when there is a row to fuse, and given back after the last one. A row that cannot be
 * fused goes to {@link BadRowHandler} and is skipped; the bits of its neighbours do not depend on it.
 *
 * <p>A task may end while another thread still reads here, for example to feed a Python worker. Closing waits for the batches
 * in progress and ends the rows, so that the workspaces can go to another task.
 */
final class FusedRows implements Iterator<InternalRow>, AutoCloseable {
    private final RowPacker packer;
    private final RowDecoder decoder;
    private final FusedLayout layout;
    private final BadRowHandler badRows;
    private final Lanes lanes;
    /** Null if nothing is counted. */
    private final FusionProgress progress;

    private final TaskCounter counter;

    private final RowWriter writer;
    /** Gives the output for the vectors of a row, by the row's carried values. */
    private final Function<InternalRow, VectorOutput> vectorOutput;

    private final Stopwatch stopwatch = new Stopwatch();
    private final long begunMillis = System.currentTimeMillis();
    /** Null if no run report was asked for. */
    private final Figures figures;

    private final boolean hasAttention;

    /** The lane whose rows are handed out; null before the first one. */
    private Lane lane;
    /** Whether the first row has been found. */
    private boolean begun;

    /** Whether the next row is written but not yet handed out. */
    private boolean prepared;

    /** Whether {@link BadRowHandler} has ended the rows. */
    private boolean stopped;

    private boolean closed;

    /** Whether the rows must end now, even if another thread still asks for one. */
    private volatile boolean ending;

    /** The {@link System#nanoTime()} at which the workspaces were given back; 0 before that. */
    private long givenBack;

    /** The tokens of the row that was handed out last. */
    private int lastTokens;

    private boolean lastTruncated;
    private long lastHash;

    /**
     * The fused rows of {@code rows}.
     *
     * @param threads the number of threads to compute on, including the task's own
     * @param vectorOutput gives the output for a row's vectors, by the row's carried values; null if they go into the row
     */
    FusedRows(
            Iterator<StoredRow> rows,
            RowDecoder decoder,
            FusedLayout layout,
            BadRowHandler badRows,
            Supplier<ExecutorModel.Borrowed> lender,
            int threads,
            FusionProgress progress,
            TaskCounter counter,
            Function<InternalRow, VectorOutput> vectorOutput) {
        this.decoder = decoder;
        this.layout = layout;
        this.badRows = badRows;
        this.writer = new RowWriter(layout.carried().size());
        this.packer = new RowPacker(rows, decoder, layout, writer, stopwatch);
        this.lanes = new Lanes(threads, lender, packer::pack, stopwatch);
        this.progress = progress;
        this.figures = progress != null && progress.collectsFigures() ? new Figures() : null;
        this.hasAttention =
                layout.fused().stream().anyMatch(column -> column.readout().equals(Optional.of(Readout.ATTENTION)));
        this.counter = counter;
        this.vectorOutput = vectorOutput == null ? carried -> writer : vectorOutput;
    }

    @Override
    public synchronized boolean hasNext() {
        if (closed) {
            return false;
        }
        if (prepared) {
            return true;
        }
        stopwatch.lap(Stage.WRITE);
        if (!begun && !begin()) {
            return false;
        }
        while (!prepared) {
            if (!stopped && !ending && (lane == null || lane.isEmpty())) {
                nextLane();
            }
            if (stopped || ending || lane == null) {
                end();
                return false;
            }
            Lane.Entry entry = lane.take();
            if (entry instanceof Lane.UnfitRow unfit) {
                reject(unfit.bad());
            } else {
                write((Lane.PackedRow) entry);
            }
        }
        return true;
    }

    /** Looks for the first row. Without one, nothing is borrowed. */
    private boolean begin() {
        begun = packer.hasRows();
        closed = !begun;
        return begun;
    }

    private void nextLane() {
        lane = null; // Packing the next batch may reuse this lane, and may fail.
        lane = lanes.next();
        if (lane == null) {
            return;
        }
        Cost cost = lane.cost();
        counter.computed(cost.total());
        if (progress != null) {
            progress.repeated(lane.batch().repeatedTokens());
            progress.computed(cost);
            lane.fusing().helper().ifPresent(progress::spent);
        }
    }

    @Override
    public synchronized InternalRow next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        prepared = false;
        return writer.row();
    }

    /** Writes the next row of the batch, or rejects it if its result cannot be stored. */
    private void write(Lane.PackedRow row) {
        FusedRow fusedRow = lane.fusedRow();
        VectorOutput vectors = vectorOutput.apply(row.carried());
        writer.begin();
        vectors.begin();
        for (int c = 0; c < layout.carried().size(); c++) {
            int from = layout.carried().get(c);
            if (from != FusedLayout.FUSED) {
                writer.copy(c, row.carried(), from, layout.carriedTypes().get(from));
            }
        }
        long hash = row.keyHash();
        try {
            for (int f = 0; f < layout.fused().size(); f++) {
                hash = layout.fused()
                        .get(f)
                        .write(fusedRow, writer, vectors, layout.places().get(f), hash);
            }
            prepared = true;
            lastTokens = fusedRow.tokens();
            lastTruncated = row.truncated();
            lastHash = hash;
            counter.emitted(lastTokens);
            if (progress != null) {
                progress.emitted(lastTokens, row.truncated(), hash);
            }
            if (figures != null) {
                figures.row(lastTokens, fusedRow.lengths(), hasAttention ? fusedRow.attention() : null);
            }
        } catch (UnfitValueException unfit) {
            reject(decoder.unfit(row.carried(), row.sourceFile(), unfit));
        }
        stopwatch.lap(Stage.POOL);
    }

    /** Whether {@link BadRowHandler} has ended the rows before the last one. */
    boolean stopped() {
        return stopped;
    }

    /** Adds the row that was handed out last to a tally. */
    void countIn(Tally tally) {
        tally.add(lastTokens, lastTruncated, lastHash);
    }

    /** Ends the rows and gives the workspaces back; the row that was handed out last stays valid. */
    @Override
    public void close() {
        ending = true;
        packer.stop();
        end();
    }

    private synchronized void end() {
        if (!closed && begun) {
            try {
                count();
            } finally {
                closed = true;
                lane = null;
                lanes.close();
                givenBack = System.nanoTime();
                if (progress == null) {
                    counter.close();
                }
            }
        }
        closed = true;
    }

    private void count() {
        stopwatch.lap(Stage.WRITE);
        if (progress != null) {
            progress.spent(stopwatch);
            progress.endTask(counter);
        }
        if (figures != null) {
            figures.ended(begunMillis, System.currentTimeMillis(), jvm(), MemoryPeak.here());
            progress.ended(figures);
        }
    }

    private static String jvm() {
        SparkEnv spark = SparkEnv.get();
        return spark == null ? "driver" : spark.executorId();
    }

    /** Counts the time since the workspaces were given back. Call it when the output of these rows is written. */
    void written() {
        if (progress != null && givenBack != 0) {
            progress.wrote(System.nanoTime() - givenBack);
        }
    }

    private void reject(BadRow bad) {
        counter.rejected(bad.reason());
        stopped = !badRows.reject(bad);
    }
}
