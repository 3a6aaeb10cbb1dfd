package dev.braid.bench.report;

import java.util.Locale;

/** What the benchmark compares. Each part writes its measurements to a file of its own, and the report reads them all. */
public enum Part {
    /** Single matrix products. */
    KERNEL("One matrix product of 128 tokens, GFLOP/s, one thread"),
    /** The whole encoder on one thread. */
    ENCODER("The encoder alone, rows/s, one thread"),
    /** The encoder in two task slots of one thread each. */
    SLOTS("The encoder in two task slots of one thread each"),
    /** Braid's time per token where sequences are longer or shorter. */
    LENGTHS("Braid's time per token where sequences differ in length"),
    /** Parquet to Parquet. */
    END_TO_END("Parquet to Parquet, rows/s"),
    /** Parquet to Parquet, where a row is one vector of each modality. */
    VECTORS("Parquet to Parquet, rows of one vector per modality, rows/s"),
    /** Braid's reading and writing next to PyArrow's. */
    ENDS("Reading and writing next to PyArrow on the same files, one thread each");

    private final String title;

    Part(String title) {
        this.title = title;
    }

    /** The headline of its tables. */
    String title() {
        return title;
    }

    /** The part of that {@link #toString}. */
    static Part of(String name) {
        return valueOf(name.toUpperCase(Locale.ROOT).replace('-', '_'));
    }

    /** As options, files and measurements spell it: {@code end-to-end}. */
    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
