/**
 * Pairs the rows of feature tables and fuses them. This is Braid's interface for Spark in Java. Read {@link
 * dev.braid.spark.FeatureTables} first, which opens tables, checks their keys and pairs their rows; then {@link
 * dev.braid.spark.PairedTable}, the result; then {@link dev.braid.spark.FusionEngine}, which turns a paired table into a fused
 * one. For one subject, begin with the first class of its line; it calls the others:
 *
 * <ul>
 *   <li>what to fuse, and how: {@link dev.braid.spark.TableColumns}, {@link dev.braid.spark.FusionConfig}, {@link
 *       dev.braid.spark.Emitted};
 *   <li>checking columns: {@code ColumnCheck};
 *   <li>checking keys: {@code KeyAudit}, then {@code KeyCounts}; rows of bad keys: {@code BadKeys};
 *   <li>pairing rows by key: {@code KeyPairing}, then {@code ChosenRows};
 *   <li>pairing rows by references: {@code ReferencePairing}, then {@code ReferencedTables}, {@code PairPartitions}, {@code
 *       FeatureJoin};
 *   <li>Spark's plugin, for metrics and progress: {@link dev.braid.spark.FusionPlugin}.
 * </ul>
 *
 * <p>May import {@code rows}, {@code tables}, {@code decode}, {@code progress}, {@code task}, {@code tensor}, {@code checkpoint},
 * {@code batch}, {@code model}, {@code failure}, {@code storage} and {@code publish}.
 */
package dev.braid.spark;
