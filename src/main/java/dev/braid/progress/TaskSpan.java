package dev.braid.progress;

import java.io.Serializable;

/**
 * When a task fused, and how much. A task that had nothing to fuse has no span.
 *
 * @param begunMillis when it began, by the clock of its executor, in milliseconds since 1970
 * @param endedMillis the same for its end
 */
public record TaskSpan(long begunMillis, long endedMillis, long rows, long tokens) implements Serializable {}
