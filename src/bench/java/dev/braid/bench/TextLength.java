package dev.braid.bench;

import java.util.Locale;

/** How long the texts of a workload are. */
enum TextLength {
    /** All of one length, so that nothing is padded. */
    DENSE,
    /** Uniform in 4 .. 64 tokens. */
    RAGGED;

    /** As measurements spell it. */
    String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
