/**
 * What several rooms say about tensors: {@link dev.braid.tensor.Shape}, with the error message for an unexpected one,
 * {@link dev.braid.tensor.Activation}, a function of each number, and {@link dev.braid.tensor.Precision}, the type of
 * the numbers that are multiplied. Imports no other room.
 */
package dev.braid.tensor;
