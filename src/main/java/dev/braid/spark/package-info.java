/**
 * Turns feature tables into a fused table, on Spark. Start at {@link dev.braid.spark.FusionEngine}: it turns a paired table into
 * a fused one. The function that it runs for each partition is {@link dev.braid.spark.FusedRows}, a short loop. By subject, the
 * class to read first, then those that it calls:
 *
 * <ul>
 *   <li>opening tables: {@link dev.braid.spark.FeatureTables}, then {@code SourceTables}, {@code ColumnCheck};
 *   <li>checking keys: {@code KeyAudit}, then {@code KeyCounts};
 *   <li>pairing rows: {@code KeyPairing}, or {@code ReferencePairing} for tables of pairs; the result is a {@link
 *       dev.braid.spark.PairedTable};
 *   <li>reading a row: {@code SparkRows}, then {@code RowDecoder};
 *   <li>fusing rows: {@code FusedRows}, then {@code RowPacker}, {@code Lanes}; {@code ExecutorModel} lends the model;
 *   <li>writing rows: {@code FusedFiles}, then {@code FileTask}, {@code RowWriter};
 *   <li>what happens to the files: {@link dev.braid.spark.Destination}, whose table the room {@code publish} publishes;
 *   <li>tables of Spark's catalog: {@code CatalogTable} to read, {@link dev.braid.spark.OutputTable} to write;
 *   <li>counts of a run: {@link dev.braid.spark.FusionProgress};
 *   <li>planning: {@link dev.braid.spark.MemoryPlan}, {@link dev.braid.spark.Schedule}; looking into tables: {@link
 *       dev.braid.spark.TableInspection}, {@link dev.braid.spark.TableAudit}.
 * </ul>
 *
 * <p>From the reader to the writer, rows stay in the forms in which Spark holds them. The few classes that use Spark's internals
 * for this are listed in {@code ArchitectureTest}. May import {@code tensor}, {@code checkpoint}, {@code batch}, {@code model},
 * {@code parquet}, {@code failure}, {@code storage} and {@code publish}.
 */
package dev.braid.spark;
