/**
 * A row becomes one sequence of features per modality, or the reason why it cannot be fused. Read {@link
 * dev.braid.decode.RowDecoder#decode} first; then {@code SequenceDecoder}, which reads one modality; then {@link
 * dev.braid.decode.Reason}, everything that can be wrong with a row. {@link dev.braid.decode.RowPolicy} says what happens to
 * such rows.
 *
 * <p>Nothing is copied: sequences are views of the row in Spark's memory, and are valid until the next row is read. May import
 * {@code rows}, {@code tables}, {@code checkpoint} and {@code batch}.
 */
package dev.braid.decode;
