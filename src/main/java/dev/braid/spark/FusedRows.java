package dev.braid.spark;

import dev.braid.InputException;
import dev.braid.batch.Batch;
import dev.braid.batch.DecodedRow;
import dev.braid.batch.DecodedRow.Rejected;
import dev.braid.batch.DecodedRow.Sequences;
import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import dev.braid.model.Stage;
import dev.braid.model.Stopwatch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.catalyst.InternalRow;

/**
 * Fused rows in the order of the rows they come from. Rows are read until a batch is full, fused together, and handed out
 * one by one; of the input no more than one row is held, of the output one batch.
 *
 * <p>A task may end while a thread beside it still reads here, such as one that feeds a Python worker: closing waits for
 * the batch at work, and there are no rows afterwards, so that the workspace can go to another task.
 */
final class FusedRows implements Iterator<Row>, AutoCloseable {
    private final Iterator<InternalRow> rows;
    private final RowDecoder decoder;
    private final CarriedColumns carried;
    private final FusionModel model;
    private final FusionWorkspace workspace;
    private final Batch batch;
    private final Stopwatch stopwatch;
    private final FusionConfig config;
    private final FusionProgress progress;
    private final RowHash rowHash;
    /** Columns of an output row. */
    private final int columns;

    /** The row read last, if it waits for the next batch; it stays whole, as no further row is read before it is packed. */
    private InternalRow pendingRow;

    private Sequences pending;
    /** The rows of the batch, each null once it is handed out. */
    private final List<PackedRow> packed = new ArrayList<>();

    /** Rows of the batch that are fused, and how many of them have been handed out. */
    private int ready;

    private int next;
    /** Rows of the batch that were cut. */
    private int truncated;

    private boolean closed;

    FusedRows(
            Iterator<InternalRow> rows,
            RowDecoder decoder,
            CarriedColumns carried,
            FusionModel model,
            FusionWorkspace workspace,
            FusionConfig config,
            FusionProgress progress) {
        this.rows = rows;
        this.decoder = decoder;
        this.carried = carried;
        this.model = model;
        this.workspace = workspace;
        this.batch = workspace.batch();
        this.stopwatch = workspace.stopwatch();
        this.config = config;
        this.progress = progress;
        this.rowHash = new RowHash(carried.keyType());
        // Tokens come with their lengths.
        this.columns = carried.count() + config.emitted().size() + (config.emits(Emitted.TOKENS) ? 1 : 0);
        stopwatch.lap(Stage.LOAD);
    }

    @Override
    public synchronized boolean hasNext() {
        if (closed) {
            return false;
        }
        stopwatch.lap(Stage.WRITE);
        if (next == ready) {
            ready = 0;
            next = 0;
            pack();
            model.fuse(workspace);
            progress.fused(batch.rows(), batch.tokens(), truncated);
            for (Stage stage : Stage.values()) {
                progress.computed(stage, model.multiplyAdds(workspace, stage));
            }
            ready = batch.rows();
        }
        return next < ready;
    }

    @Override
    public synchronized Row next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        PackedRow packedRow = packed.set(next, null);
        Object[] row = packedRow.values;
        int column = carried.count();
        long hash = packedRow.keyHash;
        if (config.emits(Emitted.POOLED)) {
            float[] pooled = workspace.pooled(next);
            hash = RowHash.with(hash, pooled);
            row[column++] = pooled;
        }
        if (config.emits(Emitted.TOKENS)) {
            float[][] tokens = workspace.tokens(next);
            hash = RowHash.with(hash, tokens);
            row[column++] = tokens;
            int[] lengths = lengths(next);
            hash = RowHash.with(hash, lengths);
            row[column++] = RowFactory.create(Arrays.stream(lengths).boxed().toArray());
        }
        if (config.emits(Emitted.ATTENTION)) {
            float[] attention = workspace.attention(next);
            hash = RowHash.with(hash, attention);
            row[column++] = shares(attention);
        }
        if (config.emits(Emitted.ATTENTION_BY_LAYER)) {
            float[][] layers = workspace.attentionByLayer(next);
            hash = RowHash.with(hash, layers);
            row[column++] = Arrays.stream(layers).map(FusedRows::shares).toArray(Row[]::new);
        }
        progress.emitted(hash);
        next++;
        stopwatch.lap(Stage.POOL);
        return RowFactory.create(row);
    }

    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            stopwatch.lap(Stage.WRITE);
            progress.ended(stopwatch);
        }
    }

    /** Fills the batch with as many rows as fit. */
    private void pack() {
        batch.clear();
        packed.clear();
        truncated = 0;
        while (pending != null || read()) {
            if (!batch.fits(pending.tokens())) {
                return;
            }
            if (!batch.add(pending.byModality())) {
                throw reject(decoder.notFinite(pendingRow, pending));
            }
            packed.add(new PackedRow(carry(pendingRow), rowHash.ofKey(pendingRow)));
            stopwatch.lap(Stage.PACK);
            truncated += pending.truncated() ? 1 : 0;
            pending = null;
        }
    }

    /** Reads the next row, if there is one. */
    private boolean read() {
        boolean more = rows.hasNext();
        if (more) {
            pendingRow = rows.next();
        }
        stopwatch.lap(Stage.READ);
        if (!more) {
            return false;
        }
        DecodedRow decoded = decoder.decode(pendingRow);
        if (decoded instanceof Rejected rejected) {
            throw reject(rejected);
        }
        pending = (Sequences) decoded;
        stopwatch.lap(Stage.DECODE);
        return true;
    }

    private Object[] carry(InternalRow row) {
        Object[] copied = new Object[columns];
        carried.copy(row, copied);
        return copied;
    }

    private int[] lengths(int row) {
        int leading = batch.leadingTokens();
        int[] lengths = new int[leading + batch.modalities()];
        Arrays.fill(lengths, 0, leading, 1);
        for (int m = 0; m < batch.modalities(); m++) {
            lengths[leading + m] = batch.tokens(row, m);
        }
        return lengths;
    }

    private static Row shares(float[] byGroup) {
        Object[] shares = new Object[byGroup.length];
        for (int group = 0; group < shares.length; group++) {
            shares[group] = byGroup[group];
        }
        return RowFactory.create(shares);
    }

    private static InputException reject(Rejected rejected) {
        return new InputException(rejected.message());
    }

    /** A row that is packed and not yet handed out. */
    private static final class PackedRow {
        /** An output row's, the carried ones filled in. */
        final Object[] values;

        final long keyHash;

        PackedRow(Object[] values, long keyHash) {
            this.values = values;
            this.keyHash = keyHash;
        }
    }
}
