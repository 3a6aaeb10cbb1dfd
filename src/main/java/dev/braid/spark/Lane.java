package dev.braid.spark;

import dev.braid.batch.Batch;
import dev.braid.model.FusionWorkspace;
import dev.braid.model.Stage;
import dev.braid.model.Stopwatch;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.spark.sql.catalyst.InternalRow;

/** A workspace on its way through {@link Lanes}: its task packs a batch, some thread fuses it, the task hands out the rows. */
final class Lane {
    private final ExecutorModel.Borrowed borrowed;
    private final FusedRow fusedRow;
    private final Deque<PackedRow> packed = new ArrayDeque<>();
    private Fusing fusing;
    private int next;

    /**
     * A packed row.
     *
     * @param carried what the output carries of it
     * @param keyHash the hash of its key
     * @param sourceFile that it was read from
     * @param truncated whether a sequence was cut
     */
    record PackedRow(InternalRow carried, long keyHash, String sourceFile, boolean truncated) {}

    Lane(ExecutorModel.Borrowed borrowed) {
        this.borrowed = borrowed;
        this.fusedRow =
                new FusedRow(borrowed.workspace(), borrowed.model().config().hiddenSize());
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

    /** No row is packed; the ones to come are, by a thread whose time goes to {@code stopwatch}. */
    void clear(Stopwatch stopwatch) {
        workspace().stopwatch(stopwatch);
        batch().clear();
        packed.clear();
        next = 0;
    }

    /** The batch has another row. */
    void packed(PackedRow row) {
        packed.add(row);
    }

    /** Whether no row is left to hand out. */
    boolean isEmpty() {
        return packed.isEmpty();
    }

    /** The batch is complete; it may be fused now. */
    Fusing full() {
        fusing = new Fusing();
        return fusing;
    }

    Fusing fusing() {
        return fusing;
    }

    /** The next row of a fused batch, which {@link #fusedRow} reads from now on. */
    PackedRow take() {
        fusedRow.at(next++);
        return packed.remove();
    }

    FusedRow fusedRow() {
        return fusedRow;
    }

    void giveBack() {
        borrowed.close();
    }

    /** The fusing of one batch, which whichever thread comes first does. */
    final class Fusing {
        private final AtomicBoolean claimed = new AtomicBoolean();
        private final CompletableFuture<Void> done = new CompletableFuture<>();
        /** Of the thread that fused, if it was not the task's. */
        private volatile Stopwatch helper;

        /** Fuses on the task's thread, unless another one has begun. */
        void run(Stopwatch ofTask) {
            if (claim()) {
                fuse(ofTask);
            }
        }

        /** Fuses beside the task, unless another thread has begun. */
        void help() {
            if (claim()) {
                helper = new Stopwatch();
                fuse(helper);
            }
        }

        private boolean claim() {
            return !claimed.getAndSet(true);
        }

        private void fuse(Stopwatch stopwatch) {
            workspace().stopwatch(stopwatch);
            done.completeAsync(
                    () -> {
                        borrowed.model().fuse(workspace());
                        return null;
                    },
                    Runnable::run);
        }

        boolean isDone() {
            return done.isDone();
        }

        /** Waits for the thread that fuses, and fails as it failed. */
        void await() {
            try {
                done.join();
            } catch (CompletionException failed) {
                if (failed.getCause() instanceof Error error) {
                    throw error;
                }
                throw (RuntimeException) failed.getCause(); // fusing declares no others
            }
        }

        /** Nobody needs the result. Waits if a thread is at it. */
        void abandon() {
            if (!claim()) {
                done.handle((fused, failed) -> failed).join();
            }
        }

        /** Where the time of the thread that fused went; null if it was the task's. */
        Stopwatch helper() {
            return helper;
        }
    }
}
