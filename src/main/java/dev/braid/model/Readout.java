package dev.braid.model;

/** What will be read from a fused batch in addition to pooled vectors. Other outputs need not be computed. */
public enum Readout {
    /** Every fused token. */
    TOKENS,
    /** The share of attention that each group of tokens receives. */
    ATTENTION
}
