package dev.braid.bench;

/** A library that runs one model's encoder on the thread that calls it. */
interface Contender extends AutoCloseable {

    /** Name, as tables show it. */
    String name();

    /** The form that this one takes, or its version. */
    String variant();

    /** Whether several threads fuse with one instance at once; others are used by the thread that made them alone. */
    default boolean isShared() {
        return false;
    }

    /** Makes the inputs of rows, outside of the time measured. */
    Fusing load(RowBatch rows);

    @Override
    void close();

    /** Rows ready to be fused again and again. */
    interface Fusing extends AutoCloseable {

        /** Fuses the rows: what is timed. */
        void run();

        /** Runs, and copies the fused real tokens: [tokens, hidden size], row after row. */
        float[] tokens();

        @Override
        void close();
    }
}
