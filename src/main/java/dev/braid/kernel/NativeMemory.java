package dev.braid.kernel;

/**
 * Turns off JavaCPP's limit on the memory of the whole process, unless a property sets it. The default limit is four
 * times the heap and counts ND4J's buffers, so it would stop an executor with a small heap and large buffers, as Braid
 * needs.
 */
final class NativeMemory {
    private static final String LIMIT = "org.bytedeco.javacpp.maxphysicalbytes";

    private NativeMemory() {}

    /** Turns off the limit. Call it before the first JavaCPP class loads. */
    static void liftLimit() {
        if (System.getProperty(LIMIT) == null) {
            System.setProperty(LIMIT, "0");
        }
    }
}
