/**
 * Three small types that several rooms share: {@link dev.braid.tensor.Shape}, the dimensions of a tensor, {@link
 * dev.braid.tensor.Activation}, a function of single numbers, and {@link dev.braid.tensor.Precision}, the type of the
 * numbers that are multiplied. Imports no other room.
 */
package dev.braid.tensor;
