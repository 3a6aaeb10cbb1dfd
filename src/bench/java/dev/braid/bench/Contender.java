package dev.braid.bench;

/** A library that runs the encoder of one {@link Workload}; used by the thread that made it alone. */
interface Contender extends AutoCloseable {

    /** Library, version and the form chosen, for the log. */
    String name();

    /** Makes the inputs of a batch, outside of the time measured. */
    Fusing load(RowBatch rows);

    @Override
    void close();

    /** One batch, ready to be fused again and again. */
    interface Fusing extends AutoCloseable {

        /** Fuses the batch: what is timed. */
        void run();

        /** Runs, and copies the fused real tokens: [tokens, hidden size], row after row. */
        float[] tokens();

        @Override
        void close();
    }
}
