package dev.braid.kernel;

/**
 * The weights of a normalisation over D columns: immutable, shared by all threads.
 *
 * @param scale gamma, [1, D]
 * @param shift beta, [1, D]; null makes it an RMSNorm, which subtracts no mean and adds no shift
 * @param epsilon added to the variance, in an RMSNorm to the mean square
 */
public record Norm(Matrix scale, Matrix shift, float epsilon) {

    boolean isRms() {
        return shift == null;
    }
}
