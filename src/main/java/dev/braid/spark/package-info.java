/**
 * Turns feature tables into a fused table. Start at {@link dev.braid.spark.FusionEngine}: it turns a paired table into a
 * fused one. The function that it runs for each partition is {@link dev.braid.spark.FusedRows}, a short loop. {@link
 * dev.braid.spark.FeatureTables} reads and pairs tables before it; {@link dev.braid.spark.FusedTable} writes, audits and
 * publishes after it. May import {@code tensor}, {@code checkpoint}, {@code batch}, {@code model} and {@code parquet}.
 *
 * <p>From the reader to the writer, rows stay in the forms in which Spark holds them. {@link dev.braid.spark.SparkRows} and
 * {@link dev.braid.spark.StoredNumbers} read these forms, and {@link dev.braid.spark.RowWriter} writes them; no other class
 * looks into Spark's memory. {@link dev.braid.spark.TableName} uses Spark's parser.
 */
package dev.braid.spark;
