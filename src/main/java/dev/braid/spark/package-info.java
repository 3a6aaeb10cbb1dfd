/**
 * Feature tables in, fused table out. Start at {@link dev.braid.spark.Fusion}: a function from a paired table to a fused
 * one, whose partition function is a short loop. {@link dev.braid.spark.FeatureTables} reads and pairs before it,
 * {@link dev.braid.spark.FusedTable} writes, audits and publishes after it. May import {@code tensor}, {@code
 * checkpoint}, {@code batch} and {@code model}. Spark's Java API stands at the edges; in between rows stay as Spark holds
 * them, by its own, less stable classes ({@code org.apache.spark.sql.catalyst}, {@code execution}, {@code vectorized}).
 */
package dev.braid.spark;
