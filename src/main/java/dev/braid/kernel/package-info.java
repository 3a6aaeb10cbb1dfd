/**
 * The dense operations of a Transformer encoder, on off-heap float matrices that ND4J allocates. Read {@link
 * dev.braid.kernel.Kernels} first: it says what each operation computes. Then read one of its two implementations:
 * {@code PortableKernels}, plain loops and the BLAS that ND4J brings, or {@code OneDnnKernels}, which runs oneDNN
 * primitives on the same matrices and is the faster one. May import {@code tensor}; the only room that knows
 * oneDNN. {@code model} takes and returns ND4J's arrays too.
 *
 * <p>Dimension letters in this room: M rows (tokens), K inputs, N outputs, D hidden size, H heads, Q queries, S keys.
 */
package dev.braid.kernel;
