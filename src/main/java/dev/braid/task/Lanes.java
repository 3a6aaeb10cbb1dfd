package dev.braid.task;

import dev.braid.progress.Stage;
import dev.braid.progress.Stopwatch;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Predicate;
import java.util.function.Supplier;

/**
 * The batches of a task, in the order of its rows. With one thread, a batch is packed, fused and handed out before the next
 * one. With more threads, the task packs batches ahead and hands out their rows while helpers fuse others. Each batch is
 * fused by a single thread, so the bits do not depend on the number of threads. A task that has nothing else to do fuses
 * too. Used by the task's thread only.
 */
public final class Lanes implements AutoCloseable {
    /** A lane takes no further row once its keys and kept columns have this size, because they stay in the heap. */
    public static final int MOST_CARRIED_BYTES = 4 << 20;

    /** The name of helper threads. */
    static final String HELPER = "braid-fusing";

    private final int threads;
    private final Supplier<ExecutorModel.Borrowed> lender;
    private final Predicate<Lane> packer;
    private final Stopwatch stopwatch;
    private final List<Lane> all = new ArrayList<>();
    private final Deque<Lane> free = new ArrayDeque<>();
    /** Lanes with a packed batch, fused or not yet, in order. */
    private final Deque<Lane> full = new ArrayDeque<>();
    /** The lane whose rows are handed out; null before the first one. */
    private Lane current;
    /** Whether there may be rows that are not packed yet. */
    private boolean more = true;
    /** Null until helpers are needed. */
    private ExecutorService helpers;

    /**
     * Lanes without a batch.
     *
     * @param threads the number of threads to compute on, including the task's own
     * @param lender lends the model and the first workspace when they are needed
     * @param packer packs a batch into an empty lane; false if no rows are left
     * @param stopwatch counts the task's time
     */
    Lanes(int threads, Supplier<ExecutorModel.Borrowed> lender, Predicate<Lane> packer, Stopwatch stopwatch) {
        this.threads = threads;
        this.lender = lender;
        this.packer = packer;
        this.stopwatch = stopwatch;
    }

    /** The most lanes, and so workspaces, of a task: with several threads, one for each and one more to pack or hand out. */
    public static int most(int threads) {
        return threads == 1 ? 1 : threads + 1;
    }

    /** The next fused batch; null after the last one. The batch before is no longer valid. */
    Lane next() {
        if (current != null) {
            free.add(current);
            current = null;
        }
        for (Lane lane = spare(); lane != null; lane = spare()) {
            pack(lane);
        }
        current = full.poll();
        if (current != null) {
            finish(current);
        }
        return current;
    }

    /** A free lane to pack; null if none is free or no rows are left. */
    private Lane spare() {
        if (more && free.isEmpty() && all.size() < most(threads)) {
            Lane lane = new Lane(
                    all.isEmpty()
                            ? lender.get()
                            : all.get(0).borrowed().another().get());
            all.add(lane);
            free.add(lane);
            stopwatch.lap(Stage.LOAD);
        }
        return more ? free.peek() : null;
    }

    /** Packs the first free lane. The lane stays free if that fails, or if there is no row. */
    private void pack(Lane lane) {
        lane.clear(stopwatch);
        more = packer.test(lane);
        if (lane.isEmpty()) {
            return;
        }
        Lane.Fusing fusing = lane.full();
        full.add(free.remove());
        if (threads > 1 && more) { // the task itself fuses the last one
            helpers().execute(fusing::help);
        }
    }

    private ExecutorService helpers() {
        if (helpers == null) {
            helpers = Executors.newFixedThreadPool(threads - 1, work -> {
                Thread helper = new Thread(work, HELPER);
                helper.setDaemon(true);
                return helper;
            });
        }
        return helpers;
    }

    /** Fuses this lane or, while a helper is fusing it, later ones. */
    private void finish(Lane lane) {
        Lane.Fusing fusing = lane.fusing();
        fusing.run(stopwatch);
        for (Lane later : full) {
            if (fusing.isDone()) {
                break;
            }
            later.fusing().run(stopwatch);
        }
        fusing.await();
        if (fusing.helper().isPresent()) {
            stopwatch.skip(); // the task may have waited
        }
    }

    /** Waits for batches that are being fused, and gives all workspaces back. */
    @Override
    public void close() {
        if (helpers != null) {
            helpers.shutdown();
        }
        for (Lane lane : all) {
            if (lane.fusing() != null) {
                lane.fusing().abandon();
            }
        }
        all.forEach(lane -> lane.borrowed().close());
    }
}
