/** Shapes of tensors and the message for an unexpected shape. Imports no other room. */
package dev.braid.tensor;
