package dev.braid.bench;

import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Supplier;

/** A thread, as a task slot has one, and a contender that it made and that it alone uses. */
final class Slot implements AutoCloseable {
    private final ExecutorService thread = Executors.newSingleThreadExecutor();
    private final Entrant entrant;

    Slot(Supplier<Entrant> entrant) {
        this.entrant = wait(thread.submit(entrant::get));
    }

    Entrant entrant() {
        return entrant;
    }

    /** Starts one pass over the rows. */
    Future<Double> start() {
        return thread.submit(() -> entrant.pass().seconds());
    }

    /** What the slot found. */
    static <T> T wait(Future<T> result) {
        try {
            return result.get();
        } catch (InterruptedException | ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        Callable<Void> close = () -> {
            entrant.close();
            return null;
        };
        wait(thread.submit(close));
        thread.shutdown();
    }
}
