package dev.braid.spark;

/**
 * How a table of pairs refers to the rows of a modality's feature table.
 *
 * @param column of the table of pairs; null in this column means that the pair lacks the modality
 * @param id the column of the feature table that the pairs' column refers to
 */
public record Reference(String column, String id) {}
