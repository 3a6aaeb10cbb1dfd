package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.ChildJvm;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What only a process shows: its exit code, its standard error, its signals, its environment. Each test starts its own. */
class CommandProcessTest {
    private static final Path DEMO = Path.of("src/demo").toAbsolutePath();

    @TempDir
    private Path directory;

    private record Outcome(int code, String out, String error) {}

    @Tag("slow")
    @Test
    void fuseWritesTheTableReportsAndLeavesNothingElse() throws Exception {
        Outcome outcome = fuse("--keep", "label", "--profile", "--report", "report.html", "--output", "fused");

        assertThat(outcome.error()).isEmpty();
        assertThat(outcome.code()).isEqualTo(ExitCode.DONE);
        assertThat(outcome.out())
                .matches(
                        "verified     4 rows, largest error [0-9]\\.[0-9]e-0[5-9]\nrows         390\ntokens       [0-9,]+\n"
                                + "fingerprint  [0-9a-f]{16}\nseconds      [0-9.]+\ntokens/s     [0-9,]+\n"
                                + "GFLOP/s      [0-9.]+\noutput       file:" + directory.toRealPath()
                                + "/fused\n\nstage         seconds      %  GFLOP/s\n(?s:.*)report       file:"
                                + directory.toRealPath() + "/report.html\n");
        assertThat(directory.resolve("fused/_SUCCESS")).exists();
        assertThat(Files.readString(directory.resolve("report.html")))
                .contains("<b>390</b><span>rows fused</span>", "<th scope=\"row\">features.visual</th><td>" + DEMO);
        assertThat(names()).containsExactlyInAnyOrder("fused", "report.html", "out", "error");
    }

    /** A driver that replays nothing computes nothing. */
    @Tag("slow")
    @Test
    void bfloat16IsRefusedByAMachineThatLacksIt() throws Exception {
        Outcome outcome = start(
                Map.of("ONEDNN_MAX_CPU_ISA", "AVX512_CORE"), List.of(), "verify", "--precision=bf16", "--model=absent");

        assertThat(outcome.error())
                .startsWith("Cannot compute in bf16: expected a processor with AVX512-BF16 or AMX")
                .endsWith("; drop '--precision bf16'\n")
                .hasLineCount(1);
        assertThat(outcome.code()).isEqualTo(ExitCode.INPUT);
    }

    /** YARN takes a driver that started no Spark for a failed one, whatever its command needs. */
    @Tag("slow")
    @Test
    void aDriverOnTheClusterStartsSparkForACommandThatNeedsNone() throws Exception {
        Path log = Files.createDirectory(directory.resolve("log"));
        List<String> cluster = List.of("-Dspark.eventLog.enabled=true", "-Dspark.eventLog.dir=" + log.toUri());
        String[] verify = {"verify", "--model=" + DEMO.resolve("model")};

        assertThat(start(Map.of(), cluster, verify).code()).isEqualTo(ExitCode.DONE);
        assertThat(log).isEmptyDirectory();

        List<String> onCluster = new ArrayList<>(cluster);
        onCluster.add("-Dspark.submit.deployMode=cluster");
        Outcome outcome = start(Map.of(), onCluster, verify);
        assertThat(outcome.error()).isEmpty();
        assertThat(outcome.code()).isEqualTo(ExitCode.DONE);
        assertThat(outcome.out()).contains("largest error");
        assertThat(log).isNotEmptyDirectory();
    }

    @Tag("slow")
    @Test
    void aMachineWithoutNativeLibrariesIsNamedInOneSentence() throws Exception {
        Outcome outcome = start(Map.of(), List.of("-Dos.arch=aarch64"), "verify", "--model=" + DEMO.resolve("model"));

        assertThat(outcome.error())
                .isEqualTo(
                        "Cannot compute on this machine: expected Linux with glibc on an x86-64 processor (the native"
                                + " libraries in the jar), got Linux on 'aarch64'; run Braid on such a machine or in a container"
                                + " of it\n");
        assertThat(outcome.code()).isEqualTo(ExitCode.INPUT);
    }

    /** The run is held where it asks for the model: by a name node that takes the call and does not answer. */
    @Tag("slow")
    @Test
    @Timeout(60)
    void aSignalEndsARunWithOneLine() throws Exception {
        try (ServerSocket silent = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            String model = "--model=hdfs://127.0.0.1:" + silent.getLocalPort() + "/model";
            String paired = "--paired=" + DEMO.resolve("text.parquet");
            Process run = launch(Map.of(), List.of(), "fuse", model, paired, "--key=id", "--output=stopped");
            try (Socket asked = silent.accept()) {
                assertThat(asked.isConnected()).isTrue();
                run.destroy();

                assertThat(run.waitFor()).isEqualTo(128 + 15);
                assertThat(directory.resolve("error"))
                        .hasContent("Stopped by a signal: nothing was published; start the same command again\n");
            }
        }
        assertThat(directory.resolve("stopped")).doesNotExist();
    }

    private Outcome fuse(String... arguments) throws IOException, InterruptedException {
        List<String> all = new ArrayList<>(List.of(
                "fuse",
                "--model=" + DEMO.resolve("model"),
                "--features=visual=" + DEMO.resolve("visual.parquet"),
                "--features=text=" + DEMO.resolve("text.parquet"),
                "--dtype=visual=float16",
                "--dtype=text=float16",
                "--key=codepoints"));
        all.addAll(List.of(arguments));
        return start(Map.of(), List.of(), all.toArray(String[]::new));
    }

    private Outcome start(Map<String, String> environment, List<String> ofJava, String... arguments)
            throws IOException, InterruptedException {
        int code = launch(environment, ofJava, arguments).waitFor();
        String withoutProgress = Files.readString(directory.resolve("error")).replaceAll("Fusing: .*\n", "");
        return new Outcome(code, Files.readString(directory.resolve("out")), withoutProgress);
    }

    private Process launch(Map<String, String> environment, List<String> ofJava, String... arguments)
            throws IOException {
        List<String> command = ChildJvm.javaWithSpark(2);
        command.addAll(ofJava);
        command.addAll(List.of("-cp", ChildJvm.classPath(), Braid.class.getName()));
        command.addAll(List.of(arguments));
        ProcessBuilder process = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectOutput(directory.resolve("out").toFile())
                .redirectError(directory.resolve("error").toFile());
        process.environment().putAll(environment);
        return process.start();
    }

    private List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }
}
