package dev.braid.kernel;

/**
 * Turns off JavaCPP's guard on the memory of the whole process, unless somebody has set it: it allows four times the heap,
 * counts ND4J's buffers, and so stops executors of small heap and large buffers, which is how they are sized here.
 */
final class NativeMemory {
    private static final String LIMIT = "org.bytedeco.javacpp.maxphysicalbytes";

    private NativeMemory() {}

    /** To be called before the first JavaCPP class loads. */
    static void unguard() {
        if (System.getProperty(LIMIT) == null) {
            System.setProperty(LIMIT, "0");
        }
    }
}
