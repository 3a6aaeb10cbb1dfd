/**
 * The shape of a tensor, and the error message for an unexpected one. Its one class is {@link dev.braid.tensor.Shape}.
 * Imports no other room.
 */
package dev.braid.tensor;
