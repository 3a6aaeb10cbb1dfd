package dev.braid.decode;

import dev.braid.InputException;

/** What a task does with the rows that cannot be fused. */
@FunctionalInterface
public interface BadRows {

    /** Fails the Spark task at the first bad row: for a {@code Dataset}, which has no quarantine. */
    BadRows FAIL = row -> {
        throw new InputException(row.message());
    };

    /**
     * Takes one bad row.
     *
     * @return whether the task continues with the next row; if false, its rows end here
     */
    boolean reject(BadRow row);
}
