package dev.braid;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A main class of the tests in a JVM of its own, for what a JVM's environment decides. */
public final class ChildJvm {
    private ChildJvm() {}

    /** The beginning of a command that starts a short run in a JVM with the product's options, from any directory. */
    public static List<String> java() {
        return new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "@" + Path.of("conf/jvm.options").toAbsolutePath(),
                "-XX:TieredStopAtLevel=1")); // The fast compiler alone.
    }

    /** The same with a local Spark of so many task slots that prints as the product does. */
    public static List<String> javaWithSpark(int slots) {
        List<String> command = java();
        command.addAll(List.of(
                "-Dlog4j2.configurationFile="
                        + Path.of("conf/log4j2.properties").toUri(),
                "-Dspark.master=local[" + slots + "]",
                "-Dspark.ui.enabled=false",
                "-Dspark.driver.host=localhost",
                "-Dspark.driver.bindAddress=127.0.0.1"));
        return command;
    }

    /** The class path of this JVM, for one in another directory. */
    public static String classPath() {
        return Stream.of(System.getProperty("java.class.path").split(":"))
                .map(entry -> Path.of(entry).toAbsolutePath().toString())
                .collect(Collectors.joining(":"));
    }

    /** What it printed; its exit code must be 0. */
    public static List<String> run(Map<String, String> environment, Class<?> main, Object... arguments)
            throws IOException, InterruptedException {
        List<String> command = java();
        command.addAll(List.of(
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
