package dev.braid.spark;

/**
 * How a table of pairs names the rows of a modality's feature table.
 *
 * @param column of the table of pairs; null there says that the pair lacks the modality
 * @param id the column of the feature table that it refers to
 */
public record Reference(String column, String id) {}
