package dev.braid.kernel;

import dev.braid.InputException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/** The platform of the native libraries that the jar carries. On another one, ND4J fails with a stack trace. */
final class Platform {
    private static final String PROBLEM =
            problem(System.getProperty("os.name"), System.getProperty("os.arch"), mappedFiles());

    private Platform() {}

    /**
     * To be called before the first native library loads.
     *
     * @throws InputException on anything but x86-64 Linux with glibc
     */
    static void check() {
        if (PROBLEM != null) {
            throw new InputException(PROBLEM);
        }
    }

    /** What is wrong with a platform, or null. A process on musl has its loader among its {@code mappedFiles}. */
    static String problem(String system, String architecture, String mappedFiles) {
        boolean musl = mappedFiles.contains("/ld-musl-");
        boolean fits = system.equals("Linux") && (architecture.equals("amd64") || architecture.equals("x86_64"));
        return fits && !musl
                ? null
                : "Cannot compute on this machine: expected Linux with glibc on an x86-64 processor (the native libraries"
                        + " in the jar), got " + system + (musl ? " with musl" : "") + " on '" + architecture
                        + "'; run Braid on such a machine or in a container of it";
    }

    private static String mappedFiles() {
        try {
            return Files.readString(Path.of("/proc/self/maps"), StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            return ""; // No Linux.
        }
    }
}
