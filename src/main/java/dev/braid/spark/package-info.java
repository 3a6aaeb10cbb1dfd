/**
 * Turns feature tables into a fused table, on Spark. Read three classes first: {@link dev.braid.spark.FeatureTables} opens
 * tables and pairs their rows, {@link dev.braid.spark.FusionEngine} turns the paired table into a fused one, and {@link
 * dev.braid.spark.FusedRows} is the loop that runs on each partition. For one subject, begin with the first class of its
 * line; it calls the others:
 *
 * <ul>
 *   <li>opening tables: {@link dev.braid.spark.FeatureTables}, then {@code ColumnCheck};
 *   <li>checking keys: {@code KeyAudit}, then {@code KeyCounts};
 *   <li>pairing rows: {@code KeyPairing}, or {@code ReferencePairing} for tables of pairs; the result is a {@link
 *       dev.braid.spark.PairedTable};
 *   <li>fusing rows: {@code FusedRows}, then {@code RowPacker}, {@code Lanes}; {@code ExecutorModel} lends the model;
 *   <li>writing rows: {@code FusedFiles}, then {@code FileTask};
 *   <li>a new table, new partitions or an update: {@link dev.braid.spark.Destination}; the room {@code publish} then
 *       publishes the files;
 *   <li>tables of Spark's catalog: {@link dev.braid.spark.OutputTable}, to write;
 *   <li>planning a run: {@link dev.braid.spark.MemoryPlan}, {@link dev.braid.spark.Schedule};
 *   <li>inspecting the input, auditing the output: {@link dev.braid.spark.TableInspection}, {@link
 *       dev.braid.spark.TableAudit}.
 * </ul>
 *
 * <p>From the reader to the writer, rows stay in the forms in which Spark holds them, which the room {@code rows} reads and
 * writes. May import {@code rows}, {@code tables}, {@code decode}, {@code progress}, {@code checkpoint}, {@code batch}, {@code model}, {@code parquet}, {@code failure}, {@code
 * storage} and {@code publish}.
 */
package dev.braid.spark;
