package dev.braid.model;

/** Is told what kind of work a thread has just done on a batch, each time that it goes on to another kind. */
public interface FusionTimer {
    /** Ignores everything. */
    FusionTimer NONE = new FusionTimer() {
        @Override
        public void packed() {}

        @Override
        public void projected() {}

        @Override
        public void attended() {}

        @Override
        public void fedForward() {}

        @Override
        public void pooled() {}
    };

    /** Rows were copied to where the projection reads them. */
    void packed();

    /** Features were projected and embedded, or streams were prepared for the layers. */
    void projected();

    /** An attention ran, with its LayerNorm and residual. */
    void attended();

    /** A feed-forward ran, with its LayerNorm and residual; in a model of one vector per modality, all its steps. */
    void fedForward();

    /** The final LayerNorm and the pooler ran. */
    void pooled();
}
