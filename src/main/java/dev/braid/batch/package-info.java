/**
 * Feature sequences and their packing under a token budget. Read {@link dev.braid.batch.Batch} first, to which rows are
 * added one after another; then {@link dev.braid.batch.PackedTokens}, which says where the tokens of a row are, and
 * {@link dev.braid.batch.FeatureBlock}, which takes the features to the projection. Nothing is padded. Imports no
 * other room.
 */
package dev.braid.batch;
