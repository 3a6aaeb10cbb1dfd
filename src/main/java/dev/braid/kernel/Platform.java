package dev.braid.kernel;

import dev.braid.InputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.Predicate;

/**
 * Checks that the jar has native libraries for this platform. Without this check, ND4J would fail with a stack trace.
 */
final class Platform {
    /** JavaCPP's platform names by {@code os.arch}. */
    private static final Map<String, String> PROCESSORS =
            Map.of("amd64", "linux-x86_64", "x86_64", "linux-x86_64", "aarch64", "linux-arm64");

    private static final String PROBLEM =
            problem(System.getProperty("os.name"), System.getProperty("os.arch"), mappedFiles(), Platform::isCarried);

    private Platform() {}

    /**
     * Checks the platform. Call it before the first native library loads.
     *
     * @throws InputException if this is not Linux with glibc on the kind of processor for which the jar was built
     */
    static void check() {
        if (PROBLEM != null) {
            throw new InputException(PROBLEM);
        }
    }

    /**
     * The error message for a platform, or null if the platform is supported. A process on musl has musl's loader among
     * its {@code mappedFiles}.
     *
     * @param carried whether the jar has the libraries of a platform
     */
    static String problem(String system, String architecture, String mappedFiles, Predicate<String> carried) {
        boolean musl = mappedFiles.contains("/ld-musl-");
        String platform = PROCESSORS.get(architecture);
        if (system.equals("Linux") && !musl && platform != null && carried.test(platform)) {
            return null;
        }
        String processor = carried.test("linux-arm64") ? "a 64-bit ARM" : "an x86-64";
        return "Cannot compute on this machine: expected Linux with glibc on " + processor
                + " processor (the native libraries in the jar), got " + system + (musl ? " with musl" : "") + " on '"
                + architecture + "'; run Braid on such a machine or in a container of it";
    }

    /** Whether the processor is x86-64, on which oneDNN's instruction sets are AVX and its successors. */
    static boolean isX86() {
        return "linux-x86_64".equals(PROCESSORS.get(System.getProperty("os.arch")));
    }

    private static boolean isCarried(String platform) {
        return Platform.class.getResource("/org/bytedeco/javacpp/" + platform + "/libjnijavacpp.so") != null;
    }

    private static String mappedFiles() {
        try {
            return Files.readString(Path.of("/proc/self/maps"), StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            return ""; // not Linux
        }
    }
}
