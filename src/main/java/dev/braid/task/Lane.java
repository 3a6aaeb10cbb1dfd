package dev.braid.task;

import dev.braid.batch.Batch;
import dev.braid.decode.BadRow;
import dev.braid.model.Cost;
import dev.braid.model.FusionWorkspace;
import dev.braid.progress.Stopwatch;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.spark.sql.catalyst.InternalRow;

/**
 * A workspace of {@link Lanes} and the batch in it. The task packs the batch, one thread fuses it, and the task hands out its
 * rows.
 */
final class Lane {
    private final ExecutorModel.Borrowed borrowed;
    private final FusedRow fusedRow;
    private final Deque<Entry> entries = new ArrayDeque<>();
    private int badRows;
    private Fusing fusing;
    private int next;

    /** A row that was read: a row of the batch, or a row that cannot be fused. */
    sealed interface Entry permits PackedRow, UnfitRow {}

    /**
     * A row of the batch.
     *
     * @param carried the values of the row that the output carries
     * @param keyHash the hash of its key
     * @param sourceFile the file that it was read from
     * @param truncated whether a sequence was cut
     */
    record PackedRow(InternalRow carried, long keyHash, String sourceFile, boolean truncated) implements Entry {}

    /** A row that cannot be fused. It keeps its place among the other rows. */
    record UnfitRow(BadRow bad) implements Entry {}

    Lane(ExecutorModel.Borrowed borrowed) {
        this.borrowed = borrowed;
        this.fusedRow = new FusedRow(borrowed.workspace(), borrowed.model().config());
    }

    ExecutorModel.Borrowed borrowed() {
        return borrowed;
    }

    FusionWorkspace workspace() {
        return borrowed.workspace();
    }

    Batch batch() {
        return workspace().batch();
    }

    /** What the whole batch costs. */
    Cost cost() {
        return borrowed.model().cost(workspace());
    }

    /** Removes all rows. {@code stopwatch} counts the time to pack the next ones. */
    void clear(Stopwatch stopwatch) {
        workspace().timer(stopwatch);
        batch().clear();
        entries.clear();
        badRows = 0;
        next = 0;
    }

    /** Adds a row that was packed into the batch. */
    void add(PackedRow row) {
        entries.add(row);
    }

    /** Adds a row that cannot be fused. */
    void add(BadRow row) {
        entries.add(new UnfitRow(row));
        badRows++;
    }

    int badRows() {
        return badRows;
    }

    /** Whether no row is left to hand out. */
    boolean isEmpty() {
        return entries.isEmpty();
    }

    /** Declares the batch complete: it may be fused from now on. */
    Fusing full() {
        fusing = new Fusing();
        return fusing;
    }

    /** The fusing of the last batch; null before the first one. */
    Fusing fusing() {
        return fusing;
    }

    /** Takes the next row of a fused batch. If it can be fused, {@link #fusedRow} points to it afterwards. */
    Entry take() {
        Entry entry = entries.remove();
        if (entry instanceof PackedRow) {
            fusedRow.at(next++);
        }
        return entry;
    }

    FusedRow fusedRow() {
        return fusedRow;
    }

    /**
     * The fusing of one batch, by the first thread that claims it. Everything that is needed to end it is allocated at the
     * beginning, so that even a thread that runs out of memory ends it.
     */
    final class Fusing {
        private final AtomicBoolean claimed = new AtomicBoolean();
        private final CountDownLatch done = new CountDownLatch(1);
        private final Stopwatch helper = new Stopwatch();
        /** Other threads read this field and the next one only after {@link #done}. */
        private boolean helped;

        private Throwable failure;

        /** Fuses on the task's thread, unless another thread has begun. */
        void run(Stopwatch ofTask) {
            if (claim()) {
                fuse(ofTask);
            }
        }

        /** Fuses on a helper's thread, unless another thread has begun. */
        void help() {
            if (claim()) {
                helped = true;
                helper.skip();
                fuse(helper);
            }
        }

        private boolean claim() {
            return !claimed.getAndSet(true);
        }

        private void fuse(Stopwatch stopwatch) {
            try {
                workspace().timer(stopwatch);
                borrowed.model().fuse(workspace());
            } catch (RuntimeException | Error failed) {
                failure = failed;
            } finally {
                done.countDown();
            }
        }

        boolean isDone() {
            return done.getCount() == 0;
        }

        /** Waits for the thread that fuses, and throws what it threw. */
        void await() {
            waitFor(done);
            if (failure instanceof Error error) {
                throw error;
            }
            if (failure != null) {
                throw (RuntimeException) failure;
            }
        }

        /** Cancels the fusing, whose result nobody needs. Waits if a thread has already begun. */
        void abandon() {
            if (!claim()) {
                waitFor(done);
            }
        }

        /** The time of the helper that fused; empty if the task's own thread did. */
        Optional<Stopwatch> helper() {
            return helped ? Optional.of(helper) : Optional.empty();
        }
    }

    /** An interrupted thread keeps waiting, because another thread uses the workspace. */
    private static void waitFor(CountDownLatch done) {
        boolean interrupted = false;
        while (done.getCount() > 0) {
            try {
                done.await();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
