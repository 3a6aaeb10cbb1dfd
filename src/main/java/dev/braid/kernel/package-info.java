/**
 * The few dense operations of a Transformer encoder on off-heap float matrices that ND4J owns. Start at
 * {@link dev.braid.kernel.Kernels}, the seam behind which two forms do the same: {@code OneDnnKernels}, which runs
 * oneDNN primitives on those matrices, and {@code PortableKernels}, which takes its matrix products from ND4J's BLAS and
 * does the rest in plain loops. May import {@code tensor}; the only room that knows ND4J and oneDNN.
 *
 * <p>Dimension letters in this room: M rows (tokens), K inputs, N outputs, D hidden size, H heads, Q queries, S keys.
 */
package dev.braid.kernel;
