package dev.braid.bench.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Where and with what something was measured.
 *
 * @param date the day, as ISO writes it
 * @param processor its name, and what oneDNN and OpenBLAS take it for
 * @param cores of this machine, or of this container
 * @param java version of the JVM
 * @param libraries versions by name
 * @param revision of Braid's sources, empty where nobody knows
 */
public record Environment(
        String date, String processor, int cores, String java, Map<String, String> libraries, String revision) {
    private static final Map<String, String> NAMES_BY_JAR = Map.of(
            "dnnl", "oneDNN",
            "openblas", "OpenBLAS",
            "nd4j-native", "ND4J",
            "pytorch", "libtorch",
            "onnxruntime", "ONNX Runtime");

    /**
     * This JVM on this machine.
     *
     * @param coreType what the libraries take the processor for
     */
    public static Environment of(String coreType, String revision) {
        return new Environment(
                LocalDate.now(ZoneOffset.UTC).toString(),
                model() + " (" + coreType + ")",
                Runtime.getRuntime().availableProcessors(),
                Runtime.version().toString(),
                versions(System.getProperty("java.class.path")),
                revision);
    }

    private static String model() {
        try (Stream<String> lines = Files.lines(Path.of("/proc/cpuinfo"))) {
            return lines.filter(line -> line.startsWith("model name"))
                    .map(line -> line.substring(line.indexOf(':') + 1).trim())
                    .findFirst()
                    .orElse("unknown processor");
        } catch (IOException e) {
            return "unknown processor";
        }
    }

    /** The versions in the names of a class path's jars; of one that wraps a native library, that library's. */
    static Map<String, String> versions(String classPath) {
        Map<String, String> versions = new TreeMap<>();
        NAMES_BY_JAR.forEach((jar, name) -> {
            Matcher file = Pattern.compile("/" + jar + "-(\\d[^/:]*?)(-1\\.5\\.\\d+)?(-linux-x86_64)?\\.jar")
                    .matcher(classPath);
            if (file.find()) {
                versions.put(name, file.group(1));
            }
        });
        return versions;
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(processor + ", " + cores + " cores; JDK " + java);
        libraries.forEach(
                (name, version) -> text.append(", ").append(name).append(' ').append(version));
        return text.append("; ")
                .append(date)
                .append(revision.isEmpty() ? "" : "; revision " + revision)
                .toString();
    }
}
