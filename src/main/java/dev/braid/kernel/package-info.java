/**
 * The dense operations of a Transformer encoder, on off-heap float matrices that ND4J allocates. Read {@link
 * dev.braid.kernel.Kernels} first: it says what each operation computes. Then read one of its two implementations:
 * {@code PortableKernels}, plain loops and the BLAS that ND4J brings, or {@code OneDnnKernels}, which runs oneDNN
 * primitives on the same matrices and is the faster one. May import {@code tensor}. No other room knows oneDNN. ND4J is
 * known here and in {@code model}, whose callers may pass its arrays.
 *
 * <p>Dimension letters in this room: M rows (tokens), K inputs, N outputs, D hidden size, H heads, G size of a token's
 * keys, Q queries, S keys.
 */
package dev.braid.kernel;
