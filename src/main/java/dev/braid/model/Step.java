package dev.braid.model;

/** One step of the forward pass over the packed tokens of a batch. It changes streams of the workspace. */
interface Step {

    /**
     * Runs.
     *
     * @param pooledOnly whether nothing is read of the model but pooled vectors, which come of one token of each row
     */
    void forward(FusionWorkspace workspace, boolean pooledOnly);

    /** Multiply-adds of {@link #forward} in matrix products, of one stage. */
    default long multiplyAdds(Stage stage, FusionWorkspace workspace, boolean pooledOnly) {
        return 0;
    }

    /** Whether it is a layer of the model, of which each has an output of its own. */
    default boolean isLayer() {
        return false;
    }

    /** This step, where more is read of the model than pooled vectors. */
    default Step unlessPooledOnly() {
        return new UnlessPooledOnly(this);
    }
}
