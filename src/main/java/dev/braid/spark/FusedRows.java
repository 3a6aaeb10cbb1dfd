package dev.braid.spark;

import dev.braid.batch.Batch;
import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import dev.braid.model.Readout;
import dev.braid.model.Stage;
import dev.braid.model.Stopwatch;
import dev.braid.spark.DecodedRow.Sequences;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.spark.SparkEnv;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;

/**
 * The fused rows of one partition, in the order of its rows. Rows are read until a batch is full, fused together, and handed
 * out one by one, each valid until the next one; at most one input row and one batch are held. The model and a workspace are
 * borrowed when there is a row to fuse and given back after the last one. A row that cannot be fused is handed to {@link
 * BadRows} and skipped; the bits of its neighbours do not depend on it.
 *
 * <p>A task may end while another thread still reads here, such as one that feeds a Python worker: closing waits for the
 * batch in progress, and there are no rows afterwards, so that the workspace can go to another task.
 */
final class FusedRows implements Iterator<InternalRow>, AutoCloseable {
    private final Iterator<StoredRow> rows;
    private final RowDecoder decoder;
    private final FusedLayout layout;
    private final BadRows badRows;
    private final Supplier<ExecutorModel.Borrowed> lender;
    /** Null where nobody counts. */
    private final FusionProgress progress;

    private final TaskCounter counter;

    private final RowWriter writer;
    private final SparkRows.SourceFile sourceFile = new SparkRows.SourceFile();
    /** What takes the vectors of a row, by its carried values. */
    private final Function<InternalRow, VectorOutput> vectorOutput;

    private final long begun = System.nanoTime();
    private final long begunMillis = System.currentTimeMillis();
    /** Null where nobody asks for them. */
    private final Figures figures;

    private final boolean hasAttention;

    /** Null before the first row and after the last one, as are the fields below. */
    private ExecutorModel.Borrowed borrowed;

    private FusedRow fusedRow;
    /** The row that did not fit the current batch. Still valid: nothing is read until it is packed. */
    private StoredRow pendingRow;

    private Sequences pending;
    /** What is kept of the batch's rows, each null once it is handed out. */
    private final List<PackedRow> packed = new ArrayList<>();

    /** Rows of the batch that are fused, and how many of them have been handed out. */
    private int ready;

    private int next;

    /** Whether the next row is written, and not handed out. */
    private boolean prepared;

    /** Whether a bad row ended the rows. */
    private boolean stopped;

    private boolean closed;
    /** When the workspace was given back, a reading of {@link System#nanoTime()}. */
    private long givenBack;

    /** The row that was handed out last, as it is counted. */
    private int lastTokens;

    private boolean lastTruncated;
    private long lastHash;

    /**
     * A packed row.
     *
     * @param carried what the output carries of it
     * @param keyHash the hash of its key
     * @param sourceFile that it was read from
     * @param truncated whether a sequence was cut
     */
    private record PackedRow(InternalRow carried, long keyHash, String sourceFile, boolean truncated) {}

    /**
     * The fused rows of {@code rows}.
     *
     * @param vectorOutput what takes the vectors of a row, by its carried values; null if the rows do
     */
    FusedRows(
            Iterator<StoredRow> rows,
            RowDecoder decoder,
            FusedLayout layout,
            BadRows badRows,
            Supplier<ExecutorModel.Borrowed> lender,
            FusionProgress progress,
            TaskCounter counter,
            Function<InternalRow, VectorOutput> vectorOutput) {
        this.rows = rows;
        this.decoder = decoder;
        this.layout = layout;
        this.badRows = badRows;
        this.lender = lender;
        this.progress = progress;
        this.figures = progress != null && progress.collectsFigures() ? new Figures() : null;
        this.hasAttention =
                layout.fused().stream().anyMatch(column -> column.readout().equals(Optional.of(Readout.ATTENTION)));
        this.counter = counter;
        this.writer = new RowWriter(layout.carried().size());
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
        if (borrowed == null && !begin()) {
            return false;
        }
        stopwatch().lap(Stage.WRITE);
        while (!prepared) {
            if (next == ready) {
                fuseNextBatch();
            }
            if (next == ready || stopped) {
                close();
                return false;
            }
            write(packed.set(next, null));
        }
        return true;
    }

    /** Borrows the model, if there is a row for it. */
    private boolean begin() {
        long asked = System.nanoTime();
        boolean any = rows.hasNext();
        long read = System.nanoTime();
        if (!any) {
            closed = true;
            return false;
        }
        borrowed = lender.get();
        fusedRow = new FusedRow(workspace(), model().config().hiddenSize());
        stopwatch().start(begun);
        stopwatch().lap(Stage.WRITE, asked);
        stopwatch().lap(Stage.READ, read);
        stopwatch().lap(Stage.LOAD);
        return true;
    }

    private FusionModel model() {
        return borrowed.model();
    }

    private FusionWorkspace workspace() {
        return borrowed.workspace();
    }

    private Stopwatch stopwatch() {
        return workspace().stopwatch();
    }

    private void fuseNextBatch() {
        ready = 0;
        next = 0;
        Batch batch = workspace().batch();
        pack(batch);
        if (batch.isEmpty() || stopped) {
            return;
        }
        model().fuse(workspace());
        ready = batch.rows();
        for (Stage stage : Stage.values()) {
            long products = model().multiplyAdds(workspace(), stage);
            counter.computed(products);
            if (progress != null) {
                progress.computed(stage, products);
            }
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

    /** Writes the next row of the batch, if its result can be written. */
    private void write(PackedRow row) {
        VectorOutput vectors = vectorOutput.apply(row.carried());
        writer.begin();
        vectors.begin();
        for (int c = 0; c < layout.carried().size(); c++) {
            int from = layout.carried().get(c);
            if (from != FusedLayout.FUSED) {
                writer.copy(c, row.carried(), from, layout.carriedTypes().get(from));
            }
        }
        fusedRow.at(next);
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
                progress.emitted(fusedRow.tokens(), row.truncated(), hash);
            }
            if (figures != null) {
                figures.row(fusedRow.tokens(), fusedRow.lengths(), hasAttention ? fusedRow.attention() : null);
            }
        } catch (UnfitValueException unfit) {
            reject(decoder.unfit(row.carried(), row.sourceFile(), unfit));
        }
        next++;
        stopwatch().lap(Stage.POOL);
    }

    /** Whether a bad row ended the rows before their end. */
    boolean stopped() {
        return stopped;
    }

    /** Counts the row that was handed out last. */
    void countIn(Tally tally) {
        tally.add(lastTokens, lastTruncated, lastHash);
    }

    /** Ends the rows and gives the workspace back; the row that was handed out last stays valid. */
    @Override
    public synchronized void close() {
        closed = true;
        if (borrowed != null) {
            try {
                count();
            } finally {
                givenBack = System.nanoTime();
                borrowed.close();
                borrowed = null;
                fusedRow = null;
                packed.clear();
                if (progress == null) {
                    counter.close();
                }
            }
        }
    }

    private void count() {
        stopwatch().lap(Stage.WRITE);
        if (progress != null) {
            progress.ended(stopwatch());
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

    /** The output of these rows is written: the time since the last row was spent on it. */
    void written() {
        if (progress != null && givenBack != 0) {
            progress.wrote(System.nanoTime() - givenBack);
        }
    }

    /** Fills the batch with as many rows as fit. */
    private void pack(Batch batch) {
        batch.clear();
        packed.clear();
        while (!stopped && (pending != null || read())) {
            if (!batch.fits(pending.tokens())) {
                if (batch.isEmpty()) {
                    throw new IllegalStateException(
                            "a row of " + pending.tokens() + " tokens, which the decoder let pass, fits no batch");
                }
                return;
            }
            if (batch.add(pending.byModality())) {
                InternalRow carried = pendingRow.carried();
                long keyHash = layout.keyed() ? writer.ofKey(carried, keyType()) : 0;
                packed.add(new PackedRow(carried, keyHash, sourceFile.current(), pending.truncated()));
            } else {
                reject(decoder.notFinite(pendingRow, pending));
            }
            stopwatch().lap(Stage.PACK);
            pending = null;
        }
    }

    private DataType keyType() {
        return layout.carriedTypes().get(0);
    }

    /** Reads the next row that can be packed, if there is one. */
    private boolean read() {
        while (!stopped) {
            boolean more = rows.hasNext();
            if (more) {
                pendingRow = rows.next();
            }
            stopwatch().lap(Stage.READ);
            if (!more) {
                return false;
            }
            DecodedRow decoded = decoder.decode(pendingRow);
            stopwatch().lap(Stage.DECODE);
            if (decoded instanceof Sequences sequences) {
                pending = sequences;
                return true;
            }
            reject((BadRow) decoded);
        }
        return false;
    }

    private void reject(BadRow bad) {
        counter.rejected(bad.reason());
        stopped = !badRows.reject(bad);
    }
}
