/**
 * The commands: one class for each, with its options, its output and its exit code. Start at
 * {@link dev.braid.job.FuseCommand#call()}. Imports {@code checkpoint}, {@code batch} (the types of numbers), {@code spark},
 * {@code model}, {@code report}, {@code publish}, {@code storage} and {@code failure}; the only room that knows picocli.
 */
package dev.braid.job;
