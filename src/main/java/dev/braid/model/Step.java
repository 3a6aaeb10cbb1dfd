package dev.braid.model;

/** One step of the forward pass over the packed tokens of a batch. It changes streams of the workspace. */
interface Step {

    /**
     * Runs the step.
     *
     * @param pooledOnly whether only pooled vectors are read, each made from one token of its row
     */
    void forward(FusionWorkspace workspace, boolean pooledOnly);

    /** Multiply-adds of {@link #forward} in the matrix products of its attentions. */
    default long attentionProducts(FusionWorkspace workspace, boolean pooledOnly) {
        return 0;
    }

    /** Multiply-adds of {@link #forward} in all other matrix products. */
    default long feedForwardProducts(FusionWorkspace workspace, boolean pooledOnly) {
        return 0;
    }

    /** Whether this step is a layer of the model, whose output can be compared with PyTorch's. */
    default boolean isLayer() {
        return false;
    }

    /** This step, but skipped if only pooled vectors are read. */
    default Step unlessPooledOnly() {
        return new UnlessPooledOnly(this);
    }
}
