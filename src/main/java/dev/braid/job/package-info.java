/**
 * What one can start: one class per command, its options, what it prints and the code it ends with. Start at
 * {@link dev.braid.job.FuseCommand#call()}. Imports {@code checkpoint}, {@code batch} (the types of numbers), {@code spark}, {@code model} and {@code report}; the only room
 * that knows picocli.
 */
package dev.braid.job;
