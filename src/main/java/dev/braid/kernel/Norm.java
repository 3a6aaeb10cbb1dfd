package dev.braid.kernel;

/**
 * The weights of a normalisation over D columns. Immutable; all threads share them.
 *
 * @param scale gamma, [1, D]
 * @param shift beta, [1, D]; null for RMSNorm, which subtracts no mean and adds no shift
 * @param epsilon added to the variance, or in RMSNorm to the mean square
 */
public record Norm(Matrix scale, Matrix shift, float epsilon) {

    boolean isRms() {
        return shift == null;
    }
}
