package dev.braid.spark;

import java.io.Serializable;

/**
 * When a task fused, and how much. A task that had nothing to fuse has none.
 *
 * @param begunMillis by the clock of its executor, milliseconds since 1970
 * @param endedMillis the same, of its last row
 */
public record TaskSpan(long begunMillis, long endedMillis, long rows, long tokens) implements Serializable {}
