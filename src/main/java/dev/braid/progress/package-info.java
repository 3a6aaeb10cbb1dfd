/**
 * Counts what a run does, while it does it. Read {@link dev.braid.progress.FusionProgress} first, the counts of a run; then
 * {@link dev.braid.progress.TaskCounter}, the counts of one attempt of a task; then {@link dev.braid.progress.Figures}, what
 * only a run report shows.
 *
 * <p>Accumulators bring the counts of finished tasks to the driver, and executors report running tasks ({@link
 * dev.braid.progress.RunningTasks}) if Spark has Braid's plugin. May import {@code decode} (the reasons of bad rows), {@code
 * model} (whose timer and costs become stages) and {@code publish} (the files that an earlier run has finished).
 */
package dev.braid.progress;
