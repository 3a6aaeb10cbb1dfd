package dev.braid.spark;

import java.util.Optional;

/**
 * Ends the rows of a task at the first one that cannot be fused. The task itself succeeds and returns {@link #message}, so
 * that the driver can stop the run at once: a task that failed would be tried again as often as the cluster allows.
 */
final class FirstBadRow implements BadRows {
    private String message;

    @Override
    public boolean reject(BadRow row) {
        message = row.message();
        return false;
    }

    /** What the run fails with; empty if every row could be fused. */
    Optional<String> message() {
        return Optional.ofNullable(message);
    }
}
