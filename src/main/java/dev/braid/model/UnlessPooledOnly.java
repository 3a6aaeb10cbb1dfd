package dev.braid.model;

/** A step that no pooled vector depends on, so it is skipped if only pooled vectors are read. */
record UnlessPooledOnly(Step step) implements Step {

    @Override
    public void forward(FusionWorkspace workspace, boolean pooledOnly) {
        if (!pooledOnly) {
            step.forward(workspace, false);
        }
    }

    @Override
    public long attentionProducts(FusionWorkspace workspace, boolean pooledOnly) {
        return pooledOnly ? 0 : step.attentionProducts(workspace, false);
    }

    @Override
    public long feedForwardProducts(FusionWorkspace workspace, boolean pooledOnly) {
        return pooledOnly ? 0 : step.feedForwardProducts(workspace, false);
    }

    @Override
    public boolean isLayer() {
        return step.isLayer();
    }
}
