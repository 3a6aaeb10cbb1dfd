package dev.braid.spark;

import dev.braid.model.Stage;
import dev.braid.model.Stopwatch;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Predicate;
import java.util.function.Supplier;

/**
 * The batches of a task, in the order of its rows. On one thread a batch is packed, fused and handed out before the next one. On
 * more, the task packs batches ahead and hands out their rows while helpers fuse others, each batch on one thread alone: its
 * bits are those of one thread. A task that has nothing else to do fuses too. Used by one thread at a time, the task's.
 */
final class Lanes implements AutoCloseable {
    /** The name of helping threads. */
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
    /** Whether there may be rows that are not packed. */
    private boolean more = true;
    /** Null until there is something to do for them. */
    private ExecutorService helpers;

    /**
     * No batch is packed yet.
     *
     * @param threads to compute on, the task's among them
     * @param lender of the model and the first workspace, when they are needed
     * @param packer packs a batch into an empty lane; false if no rows are left
     * @param stopwatch where the task's time goes
     */
    Lanes(int threads, Supplier<ExecutorModel.Borrowed> lender, Predicate<Lane> packer, Stopwatch stopwatch) {
        this.threads = threads;
        this.lender = lender;
        this.packer = packer;
        this.stopwatch = stopwatch;
    }

    /** The most lanes, and so workspaces, of a task on so many threads: one for each, and one that is packed or handed out. */
    static int most(int threads) {
        return threads == 1 ? 1 : threads + 1;
    }

    /** The next fused batch; null after the last one. The one before is over. */
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

    /** The first free lane; null if there is none, or nothing to pack. */
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

    /** Packs the first free lane, which stays free if that fails, or if there is no row. */
    private void pack(Lane lane) {
        lane.clear(stopwatch);
        more = packer.test(lane);
        if (lane.isEmpty()) {
            return;
        }
        Lane.Fusing fusing = lane.full();
        full.add(free.remove());
        if (threads > 1 && more) { // The task is free for the last one.
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

    /** Fuses this lane or, as long as a helper is at it, those behind it. */
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
            stopwatch.skip(); // The task may have waited.
        }
    }

    /** Ends: waits for batches that are being fused, and gives all workspaces back. */
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
