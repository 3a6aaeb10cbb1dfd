package dev.braid.model;

/** What of a fused batch will be read, beside pooled vectors: what nobody reads need not be computed. */
public enum Readout {
    /** Every fused token. */
    TOKENS,
    /** The shares of attention. */
    ATTENTION
}
