package dev.braid.spark;

/**
 * How pairs refer to a feature table.
 *
 * @param rows of the feature table
 * @param unreferenced rows that no pair refers to
 * @param empty pairs that refer to no row
 * @param missing pairs that refer to an id that the table lacks
 * @param ambiguous pairs that refer to an id that the table has more than once
 * @param median the median number of pairs per row, over the rows that pairs refer to
 * @param percentile95 the 95th percentile of this number
 * @param most the maximum of this number
 */
public record ReferenceSummary(
        long rows,
        long unreferenced,
        long empty,
        long missing,
        long ambiguous,
        long median,
        long percentile95,
        long most) {}
