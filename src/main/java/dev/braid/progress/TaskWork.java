package dev.braid.progress;

import java.io.Serializable;
import java.util.UUID;

/**
 * What one attempt of a task has done: so far, or at its end.
 *
 * @param run the {@link FusionProgress} that counts it; null if none does
 * @param partition the partition that it computes; other attempts may compute the same one
 */
public record TaskWork(UUID run, int partition, Work work) implements Serializable {}
