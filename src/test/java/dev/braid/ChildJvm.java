package dev.braid;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A main class of the tests in a JVM of its own, for what a JVM's environment decides. */
public final class ChildJvm {
    private ChildJvm() {}

    /** What it printed; its exit code must be 0. */
    public static List<String> run(Map<String, String> environment, Class<?> main, Object... arguments)
            throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "@conf/jvm.options",
                "-XX:TieredStopAtLevel=1", // The fast compiler alone, which is enough for short runs.
                "-Xmx1g",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                main.getName()));
        List.of(arguments).forEach(argument -> command.add(argument.toString()));
        Path out = Files.createTempFile("child", ".out");
        File log = new File("target/" + main.getName() + ".log");
        ProcessBuilder child =
                new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(log);
        child.environment().keySet().removeIf(name -> name.matches("(G?OMP|OPENBLAS|ONEDNN|DNNL)_.*"));
        child.environment().putAll(environment);
        assertThat(child.start().waitFor()).as("exit code; see %s", log).isZero();
        List<String> lines = Files.readAllLines(out);
        Files.delete(out);
        return lines;
    }
}
