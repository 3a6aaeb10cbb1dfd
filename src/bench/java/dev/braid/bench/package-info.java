/**
 * Braid's encoder next to libtorch and ONNX Runtime. Start at {@link dev.braid.bench.EncoderBench}: a {@link
 * dev.braid.bench.Workload} of random weights and rows, and a {@link dev.braid.bench.Contender} per library.
 */
package dev.braid.bench;
