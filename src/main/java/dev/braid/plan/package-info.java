/**
 * What a run will find and need, before it starts. Read {@link dev.braid.plan.TableInspection} first, what the tables hold and
 * where they do not fit the model; then {@link dev.braid.plan.MemoryPlan}, the memory of a JVM whose tasks fuse; then {@link
 * dev.braid.plan.Schedule}, the hours on a number of executors, for which {@link dev.braid.plan.EncoderRate} measures this
 * machine.
 *
 * <p>May import {@code rows}, {@code tables}, {@code decode}, {@code task}, {@code spark}, {@code checkpoint}, {@code batch},
 * {@code model}, {@code failure} and {@code storage}.
 */
package dev.braid.plan;
