package dev.braid.model;

/** The multiply-adds of a batch in matrix products, each two floating-point operations, by the part of the model. */
public record Cost(long projection, long attention, long feedForward, long pooler) {
    /** All of them. */
    public long total() {
        return projection + attention + feedForward + pooler;
    }
}
