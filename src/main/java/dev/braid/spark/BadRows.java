package dev.braid.spark;

import dev.braid.InputException;

/** What a task does with the rows that cannot be fused. */
@FunctionalInterface
interface BadRows {

    /** Fails at the first one, and Spark's task with it: for a caller that pulls rows through Spark's own plan. */
    BadRows FAIL = row -> {
        throw new InputException(row.message());
    };

    /**
     * Takes one of them.
     *
     * @return whether the task goes on with the next row; if not, its rows end here
     */
    boolean reject(BadRow row);
}
