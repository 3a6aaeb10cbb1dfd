/**
 * What checkpoints and kernels both say about tensors: {@link dev.braid.tensor.Shape}, with the error message for an
 * unexpected one, and {@link dev.braid.tensor.Activation}, a function of each number. Imports no other room.
 */
package dev.braid.tensor;
