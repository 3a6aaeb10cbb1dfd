package dev.braid.batch;

import java.nio.FloatBuffer;

/** The features of one modality in one row: {@code tokens} vectors of the modality's feature size, as they were stored. */
public interface FeatureSequence {

    /** At least 1. */
    int tokens();

    /**
     * Puts {@code tokens x featureSize} floats, row-major, at the position of {@code out} and advances it.
     *
     * @return false if one of the values is NaN or infinite as a float; what was put then is undefined
     */
    boolean copyTo(FloatBuffer out);
}
