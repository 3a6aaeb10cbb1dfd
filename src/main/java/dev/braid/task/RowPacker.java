package dev.braid.task;

import dev.braid.batch.Batch;
import dev.braid.decode.BadRow;
import dev.braid.decode.DecodedRow;
import dev.braid.decode.DecodedRow.Sequences;
import dev.braid.decode.RowDecoder;
import dev.braid.progress.Stage;
import dev.braid.progress.Stopwatch;
import dev.braid.rows.RowWriter;
import dev.braid.rows.SourceFile;
import dev.braid.rows.StoredRow;
import java.util.Iterator;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;

/**
 * Reads rows, decodes them and packs them into the batches of lanes, in order. A row that cannot be fused is added to the
 * lane as a {@link BadRow}. Used by the task's thread only, except {@link #stop}.
 */
final class RowPacker {
    /** The most bad rows of a batch, because they stay in memory until they are handed out. */
    private static final int MOST_BAD_ROWS = 64;

    private final Iterator<StoredRow> rows;
    private final RowDecoder decoder;
    private final Repeats repeats;
    private final FusedLayout layout;
    private final RowWriter writer;
    private final SourceFile sourceFile = new SourceFile();
    private final Stopwatch stopwatch;

    /** The row that did not fit the last batch. Still valid: nothing is read until it is packed. */
    private StoredRow pendingRow;

    private DecodedRow pending;

    private volatile boolean stopped;

    /**
     * A packer that has read nothing yet.
     *
     * @param writer hashes the keys of rows
     * @param stopwatch counts the time to read, decode and pack
     */
    RowPacker(Iterator<StoredRow> rows, RowDecoder decoder, FusedLayout layout, RowWriter writer, Stopwatch stopwatch) {
        this.rows = rows;
        this.decoder = decoder;
        this.repeats = new Repeats(decoder);
        this.layout = layout;
        this.writer = writer;
        this.stopwatch = stopwatch;
    }

    /** Whether there is a row to read. */
    boolean hasRows() {
        boolean has = rows.hasNext();
        stopwatch.lap(Stage.READ);
        return has;
    }

    /** Reads no further rows. */
    void stop() {
        stopped = true;
    }

    /** Fills a lane's batch with as many rows as fit. Returns false if no rows are left. */
    boolean pack(Lane empty) {
        Batch batch = empty.batch();
        repeats.clear();
        long carriedBytes = 0;
        while (empty.badRows() < MOST_BAD_ROWS && carriedBytes < Lanes.MOST_CARRIED_BYTES) {
            if (pending == null && !read()) {
                return false;
            }
            if (pending instanceof BadRow bad) {
                empty.add(bad);
            } else {
                Sequences sequences = (Sequences) pending;
                if (!batch.fits(sequences.tokens())) {
                    if (batch.isEmpty()) {
                        throw new IllegalStateException("a row of " + sequences.tokens()
                                + " tokens, which the decoder let pass, fits no batch");
                    }
                    return true;
                }
                if (batch.add(repeats.of(sequences))) {
                    repeats.packed(batch.rows() - 1);
                    InternalRow carried = pendingRow.carried();
                    carriedBytes += RowWriter.bytes(carried);
                    long keyHash = layout.keyed() ? writer.ofKey(carried, keyType()) : 0;
                    empty.add(new Lane.PackedRow(carried, keyHash, sourceFile.of(pendingRow), sequences.truncated()));
                } else {
                    empty.add(decoder.notFinite(pendingRow, sequences));
                }
                stopwatch.lap(Stage.PACK);
            }
            pending = null;
        }
        return true;
    }

    private DataType keyType() {
        return layout.carriedTypes().get(0);
    }

    /** Reads and decodes the next row, if there is one. */
    private boolean read() {
        boolean more = !stopped && rows.hasNext();
        if (more) {
            pendingRow = rows.next();
        }
        stopwatch.lap(Stage.READ);
        if (more) {
            pending = decoder.decode(pendingRow);
            repeats.read(pendingRow, pending);
            stopwatch.lap(Stage.DECODE);
        }
        return more;
    }
}
