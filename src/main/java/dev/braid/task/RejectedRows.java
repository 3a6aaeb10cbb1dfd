package dev.braid.task;

import dev.braid.InputException;
import java.io.Serializable;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaFutureAction;
import org.apache.spark.util.CollectionAccumulator;
import org.apache.spark.util.LongAccumulator;

/**
 * Counts the bad rows of one run on the driver whenever a task ends, and ends the run when it must. A task with a row that
 * must end the run does not fail, because the cluster would try it again. It ends its rows and reports the row here; then
 * {@link #await} cancels the job.
 */
final class RejectedRows implements Serializable {
    private static final long serialVersionUID = 1L;

    /** How long it may take until the driver notices that a task has ended. */
    private static final long POLL_MILLIS = 50;

    private final Quarantine.Run run;
    private final LongAccumulator setAside = new LongAccumulator();
    /** At most one message per task. No task starts after the first message is seen. */
    private final CollectionAccumulator<String> failures = new CollectionAccumulator<>();

    private RejectedRows(Quarantine.Run run) {
        this.run = run;
    }

    /** Starts with the bad keys only. */
    static RejectedRows start(SparkContext spark, Quarantine.Run run) {
        RejectedRows rejected = new RejectedRows(run);
        spark.register(rejected.setAside, "rows set aside");
        spark.register(rejected.failures);
        return rejected;
    }

    /** What tasks know about the run. */
    Quarantine.Run run() {
        return run;
    }

    /** In a task: reports its bad rows, after its rows have ended and the quarantine's file is closed. */
    void ended(Quarantine quarantine) {
        setAside.add(
                quarantine.counts().values().stream().mapToLong(Long::longValue).sum());
        quarantine.failure().ifPresent(failures::add);
    }

    /** Rows set aside so far, including those with bad keys. */
    long rows() {
        return run.badKeys() + setAside.value();
    }

    /**
     * Checks whether the run may go on.
     *
     * @throws InputException if a row must end the run, or too many are bad
     */
    void check() {
        for (String message : failures.value()) {
            throw new InputException(message);
        }
        run.policy().maxBadRows().check(rows(), run.rows());
    }

    /**
     * Waits for a job, and cancels it as soon as {@link #check} fails.
     *
     * @return the job's result, if the last check has passed
     * @throws InputException as {@link #check}
     * @throws ExecutionException if the job fails for another reason
     */
    <T> T await(JavaFutureAction<T> job) throws ExecutionException, InterruptedException {
        try {
            while (true) {
                try {
                    T result = job.get(POLL_MILLIS, TimeUnit.MILLISECONDS);
                    check();
                    return result;
                } catch (TimeoutException running) {
                    check();
                }
            }
        } catch (InputException | InterruptedException | CancellationException ended) {
            job.cancel(true);
            throw ended;
        }
    }
}
