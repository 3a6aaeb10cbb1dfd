/**
 * Braid next to its rivals inside one JVM. Start at {@link dev.braid.bench.Bench}: a part per comparison ({@link
 * dev.braid.bench.EncoderPart} is the main one) lets {@link dev.braid.bench.Contender}s run in turn on the same {@link
 * dev.braid.bench.Workload}.
 */
package dev.braid.bench;
