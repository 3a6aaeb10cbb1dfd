package dev.braid.bench;

/** How long the texts of a workload are. */
public enum TextLength {
    /** All of one length, so that nothing is padded. */
    DENSE,
    /** Uniform in 4 .. 64 tokens, in batches of 32 rows as they arrive. */
    RAGGED
}
