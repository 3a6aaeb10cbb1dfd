/**
 * Fusion as a stage of a Spark ML pipeline. Read {@link dev.braid.ml.FusionTransformer}, then {@code FusionSettings}, which
 * reads its parameters and opens the engine. Imports {@code tensor}, {@code checkpoint}, {@code batch} (the types of
 * numbers), {@code tables}, {@code decode} and {@code task} (what can be set), {@code spark} and {@code failure}; the only room
 * that knows Spark ML.
 */
package dev.braid.ml;
