/**
 * Fusion as a stage of a Spark ML pipeline. Start at {@link dev.braid.ml.FusionTransformer}. Imports {@code checkpoint}, {@code
 * batch} (the types of numbers), {@code model}, {@code spark} and {@code failure}; the only room that knows Spark ML.
 */
package dev.braid.ml;
