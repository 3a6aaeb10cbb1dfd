/**
 * The dense operations of a Transformer encoder, on off-heap float matrices that ND4J allocates. Start at
 * {@link dev.braid.kernel.Kernels}. It has two implementations: {@code OneDnnKernels} runs oneDNN primitives on the
 * matrices, and {@code PortableKernels} uses ND4J's BLAS for matrix products and plain loops for the rest. May import
 * {@code tensor}; the only room that knows ND4J and oneDNN.
 *
 * <p>Dimension letters in this room: M rows (tokens), K inputs, N outputs, D hidden size, H heads, Q queries, S keys.
 */
package dev.braid.kernel;
