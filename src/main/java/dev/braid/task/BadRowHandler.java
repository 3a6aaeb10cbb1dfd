package dev.braid.task;

import dev.braid.InputException;
import dev.braid.decode.BadRow;

/** What a task does with the rows that cannot be fused. */
@FunctionalInterface
interface BadRowHandler {

    /** Fails the Spark task at the first bad row: for a {@code Dataset}, which has no quarantine. */
    BadRowHandler FAIL = row -> {
        throw new InputException(row.message());
    };

    /**
     * Takes one bad row.
     *
     * @return whether the task continues with the next row; if false, its rows end here
     */
    boolean reject(BadRow row);
}
