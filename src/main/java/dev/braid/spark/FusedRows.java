package dev.braid.spark;

import dev.braid.InputException;
import dev.braid.batch.Batch;
import dev.braid.batch.DecodedRow;
import dev.braid.batch.DecodedRow.Rejected;
import dev.braid.batch.DecodedRow.Sequences;
import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import java.util.ArrayList;
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
    private final FusionConfig config;
    private final FusionProgress progress;

    /** The row read last, if it waits for the next batch; it stays whole, as no further row is read before it is packed. */
    private InternalRow pendingRow;

    private Sequences pending;
    /** Per row of the batch an output row's values, the carried ones filled in. */
    private final List<Object[]> values = new ArrayList<>();

    /** Rows of the batch that are fused, and how many of them have been handed out. */
    private int ready;

    private int next;
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
        this.config = config;
        this.progress = progress;
    }

    @Override
    public synchronized boolean hasNext() {
        if (closed) {
            return false;
        }
        if (next == ready) {
            ready = 0;
            next = 0;
            pack();
            model.fuse(workspace);
            progress.add(batch.rows(), batch.tokens(), model.multiplyAdds(batch));
            ready = batch.rows();
        }
        return next < ready;
    }

    @Override
    public synchronized Row next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        Object[] row = values.set(next, null);
        int column = carried.count();
        if (config.pooled()) {
            row[column++] = workspace.pooled(next);
        }
        if (config.tokens()) {
            row[column++] = workspace.tokens(next);
            row[column++] = lengths(next);
        }
        next++;
        return RowFactory.create(row);
    }

    @Override
    public synchronized void close() {
        closed = true;
    }

    /** Fills the batch with as many rows as fit. */
    private void pack() {
        batch.clear();
        values.clear();
        while (pending != null || read()) {
            if (!batch.fits(pending.tokens())) {
                return;
            }
            if (!batch.add(pending.byModality())) {
                throw reject(decoder.notFinite(pendingRow, pending));
            }
            values.add(carry(pendingRow));
            pending = null;
        }
    }

    /** Reads the next row, if there is one. */
    private boolean read() {
        if (!rows.hasNext()) {
            return false;
        }
        pendingRow = rows.next();
        DecodedRow decoded = decoder.decode(pendingRow);
        if (decoded instanceof Rejected rejected) {
            throw reject(rejected);
        }
        pending = (Sequences) decoded;
        return true;
    }

    private Object[] carry(InternalRow row) {
        Object[] copied = new Object[carried.count() + (config.pooled() ? 1 : 0) + (config.tokens() ? 2 : 0)];
        carried.copy(row, copied);
        return copied;
    }

    private Row lengths(int row) {
        Object[] lengths = new Object[batch.modalities()];
        for (int m = 0; m < lengths.length; m++) {
            lengths[m] = batch.tokens(row, m);
        }
        return RowFactory.create(lengths);
    }

    private static InputException reject(Rejected rejected) {
        return new InputException(rejected.message());
    }
}
