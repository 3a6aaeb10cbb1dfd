package dev.braid.kernel;

/** The off-heap memory of matrices as tests see it. */
public final class HeldMemory {
    private HeldMemory() {}

    /** Bytes of all matrices of this JVM that are not closed. */
    public static long bytes() {
        return Matrix.heldBytes();
    }
}
