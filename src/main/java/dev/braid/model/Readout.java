package dev.braid.model;

/** What will be read from a fused batch besides pooled vectors. What nobody reads need not be computed. */
public enum Readout {
    /** Every fused token. */
    TOKENS,
    /** The share of attention that each group of tokens receives. */
    ATTENTION
}
