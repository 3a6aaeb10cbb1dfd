/**
 * Feature tables in, fused table out. Start at {@link dev.braid.spark.FusionEngine}: it turns a paired table into a fused
 * one, whose partition function is {@link dev.braid.spark.FusedRows}, a short loop. {@link dev.braid.spark.FeatureTables}
 * reads and pairs before it; {@link dev.braid.spark.FusedTable} writes, audits and publishes after it. May import {@code
 * tensor}, {@code checkpoint}, {@code batch} and {@code model}.
 *
 * <p>From the reader to the writer, rows stay in the forms in which Spark holds them. {@link dev.braid.spark.SparkRows} (with
 * {@link dev.braid.spark.StoredNumbers}) reads these forms and {@link dev.braid.spark.RowWriter} writes them; no other class
 * looks into Spark's memory. {@link dev.braid.spark.TableName} asks Spark's parser.
 */
package dev.braid.spark;
