package dev.braid.model;

/** One step of the forward pass over the packed tokens of a batch. It changes one stream of the workspace. */
interface Step {

    /**
     * Runs.
     *
     * @param pooledOnly whether nothing is read of the step's stream afterwards but the pooled token of each row; only a
     *     {@link TransformerLayer} is told so
     */
    void forward(FusionWorkspace workspace, boolean pooledOnly);

    /** Multiply-adds of {@link #forward} in matrix products, of one stage. */
    default long multiplyAdds(Stage stage, FusionWorkspace workspace, boolean pooledOnly) {
        return 0;
    }
}
