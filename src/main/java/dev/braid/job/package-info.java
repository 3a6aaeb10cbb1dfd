/**
 * The commands: one class for each, with its options, its output and its exit code. Read {@link dev.braid.job.Braid}, which
 * starts them, then {@link dev.braid.job.FuseRun}, which is a run from start to end; {@code FuseOptions} has its options.
 * Imports {@code tensor}, {@code checkpoint}, {@code batch} (the types of numbers), {@code model}, {@code tables}, {@code
 * decode}, {@code progress}, {@code task}, {@code spark}, {@code plan}, {@code destination}, {@code report}, {@code publish},
 * {@code storage} and {@code failure}; the only room that knows picocli.
 */
package dev.braid.job;
