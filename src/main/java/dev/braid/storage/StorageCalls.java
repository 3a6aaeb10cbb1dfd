package dev.braid.storage;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.security.PrivilegedExceptionAction;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.hadoop.security.UserGroupInformation;

/**
 * Runs many calls to a file system at the same time, because they mostly wait for the network. Every call runs as the
 * caller's Hadoop user, which may be a proxy user.
 */
public final class StorageCalls {
    /** The most calls at a time: 10,000 calls of 100 ms take 16 s. */
    private static final int MOST_THREADS = 64;

    private StorageCalls() {}

    /** One call to a file system. */
    public interface Call<A, B> {
        B of(A item) throws IOException;
    }

    /**
     * Returns the results of {@code call}, in the order of {@code items}.
     *
     * @throws IOException the failure of the first item that failed; calls that have not begun by then are not made
     */
    public static <A, B> List<B> all(List<A> items, Call<A, B> call) throws IOException {
        if (items.size() < 2) {
            return items.isEmpty() ? List.of() : List.of(call.of(items.get(0)));
        }
        UserGroupInformation caller = UserGroupInformation.getCurrentUser();
        ExecutorService threads = Executors.newFixedThreadPool(Math.min(MOST_THREADS, items.size()), work -> {
            Thread thread = new Thread(work, "braid-storage");
            thread.setDaemon(true);
            return thread;
        });
        try {
            List<Future<B>> pending = new ArrayList<>();
            for (A item : items) {
                PrivilegedExceptionAction<B> asCaller = () -> call.of(item);
                pending.add(threads.submit(() -> caller.doAs(asCaller)));
            }
            List<B> results = new ArrayList<>();
            for (Future<B> result : pending) {
                results.add(result.get());
            }
            return results;
        } catch (ExecutionException failure) {
            throw unwrapped(failure.getCause());
        } catch (InterruptedException interrupt) {
            Thread.currentThread().interrupt();
            throw (IOException)
                    new InterruptedIOException("Interrupted while waiting for a file system").initCause(interrupt);
        } finally {
            threads.shutdownNow();
        }
    }

    private static IOException unwrapped(Throwable cause) {
        if (cause instanceof RuntimeException unchecked) {
            throw unchecked;
        }
        if (cause instanceof Error error) {
            throw error;
        }
        return cause instanceof IOException failure ? failure : new IOException(cause);
    }
}
