/**
 * What happens in a Spark task: decoded rows are packed into batches, fused, and written to files; rows that cannot be fused
 * are set aside. Read {@link dev.braid.task.FusedRows} first, the loop over the rows of a partition; then {@code RowPacker},
 * which fills the batches of {@code Lanes}; then {@code FileTask}, which writes the rows to files.
 *
 * <ul>
 *   <li>the model: {@link dev.braid.task.BroadcastModel} brings it to the executors, {@link dev.braid.task.ExecutorModel}
 *       lends it to tasks;
 *   <li>columns of results: {@link dev.braid.task.FusedColumn}, {@link dev.braid.task.VectorForm};
 *   <li>files: {@link dev.braid.task.FusedFiles} starts the tasks that write them; {@code TaskFiles}, {@code FileAttempt};
 *   <li>rows that are set aside: {@link dev.braid.task.Quarantine}, {@code RejectedRows}.
 * </ul>
 *
 * <p>May import {@code rows}, {@code tables}, {@code decode}, {@code progress}, {@code tensor}, {@code checkpoint},
 * {@code batch}, {@code model}, {@code parquet}, {@code failure} and {@code publish}.
 */
package dev.braid.task;
