/**
 * What the benchmark runs in a JVM: {@link dev.braid.bench.BraidWorker}, Braid's encoder, and {@link dev.braid.bench.Peak}, the
 * bare matrix products that bound it. The benchmark itself is {@code src/bench/python}, which starts both as processes.
 */
package dev.braid.bench;
