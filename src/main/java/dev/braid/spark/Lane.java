package dev.braid.spark;

import dev.braid.batch.Batch;
import dev.braid.model.FusionWorkspace;
import dev.braid.model.Stage;
import dev.braid.model.Stopwatch;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.spark.sql.catalyst.InternalRow;

/** A workspace on its way through {@link Lanes}: its task packs a batch, some thread fuses it, the task hands out the rows. */
final class Lane {
    private final ExecutorModel.Borrowed borrowed;
    private final FusedRow fusedRow;
    private final Deque<Entry> entries = new ArrayDeque<>();
    private int badRows;
    private Fusing fusing;
    private int next;

    /** A row that was read: of the batch or, if it cannot be fused, of none. */
    sealed interface Entry permits PackedRow, BadRow {}

    /**
     * A row of the batch.
     *
     * @param carried what the output carries of it
     * @param keyHash the hash of its key
     * @param sourceFile that it was read from
     * @param truncated whether a sequence was cut
     */
    record PackedRow(InternalRow carried, long keyHash, String sourceFile, boolean truncated) implements Entry {}

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

    /** Multiply-adds that fusing the batch spends on a stage. */
    long multiplyAdds(Stage stage) {
        return borrowed.model().multiplyAdds(workspace(), stage);
    }

    /** Holds no row; the ones to come are packed by a thread whose time goes to {@code stopwatch}. */
    void clear(Stopwatch stopwatch) {
        workspace().stopwatch(stopwatch);
        batch().clear();
        entries.clear();
        badRows = 0;
        next = 0;
    }

    /** The batch has another row. */
    void add(PackedRow row) {
        entries.add(row);
    }

    /** A row that is not in the batch comes between those that are. */
    void add(BadRow row) {
        entries.add(row);
        badRows++;
    }

    int badRows() {
        return badRows;
    }

    /** Whether no row is left to hand out. */
    boolean isEmpty() {
        return entries.isEmpty();
    }

    /** The batch is complete; it may be fused now. */
    Fusing full() {
        fusing = new Fusing();
        return fusing;
    }

    /** Of the last batch; null before the first one. */
    Fusing fusing() {
        return fusing;
    }

    /** The next row; the batch is fused. If the row is of the batch, {@link #fusedRow} is at it afterwards. */
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
     * The fusing of one batch, which whichever thread comes first does. All that its end needs is there from the beginning: a
     * thread that runs out of memory ends it too.
     */
    final class Fusing {
        private final AtomicBoolean claimed = new AtomicBoolean();
        private final CountDownLatch done = new CountDownLatch(1);
        private final Stopwatch helper = new Stopwatch();
        /** Read by others once it is done, as is the next one. */
        private boolean helped;

        private Throwable failure;

        /** Fuses on the task's thread, unless another one has begun. */
        void run(Stopwatch ofTask) {
            if (claim()) {
                fuse(ofTask);
            }
        }

        /** Fuses beside the task, unless another thread has begun. */
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
                workspace().stopwatch(stopwatch);
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

        /** Waits for the thread that fuses, and fails as it failed. */
        void await() {
            waitFor(done);
            if (failure instanceof Error error) {
                throw error;
            }
            if (failure != null) {
                throw (RuntimeException) failure;
            }
        }

        /** Nobody needs the result. Waits if a thread is at it. */
        void abandon() {
            if (!claim()) {
                waitFor(done);
            }
        }

        /** Where the time of the thread that fused went, if it was not the task's. */
        Optional<Stopwatch> helper() {
            return helped ? Optional.of(helper) : Optional.empty();
        }
    }

    /** A thread that is interrupted still waits: another one is in the workspace. */
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
