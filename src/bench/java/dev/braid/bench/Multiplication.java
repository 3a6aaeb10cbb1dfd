package dev.braid.bench;

/** One matrix product of a library, ready to run again and again on the thread that made it. */
interface Multiplication extends AutoCloseable {

    /** The library, as tables show it. */
    String name();

    /** What is timed. */
    void run();

    /** Runs, and copies the product, [tokens, outputs]. */
    float[] result();

    @Override
    void close();

    /** The mean seconds of a run, measured for about so long. */
    default double seconds(double duration) {
        long begin = Clock.CHOSEN.nanoseconds();
        long now = begin;
        int runs = 0;
        while (now - begin < duration * 1e9) {
            run();
            runs++;
            now = Clock.CHOSEN.nanoseconds();
        }
        return (now - begin) * 1e-9 / runs;
    }
}
