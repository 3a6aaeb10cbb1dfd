package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.ChildJvm;
import dev.braid.kernel.Bfloat16;
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
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The commands on the demo data, each in a JVM of its own, as they are started. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class CommandsTest {
    private static final String HALF = "--dtype=visual=float16";
    private static final String TEXT_HALF = "--dtype=text=float16";
    private static final String KEY = "--key=codepoints";
    private static final String REFUSED = "--output=refused";

    private static final Path DEMO = Path.of("src/demo").toAbsolutePath();

    @TempDir
    static Path directory;

    private record Outcome(int code, String out, String error) {}

    @Test
    @Order(1)
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

    @Test
    @Order(2)
    void anOutputThatExistsIsRefused() throws Exception {
        Outcome outcome = fuse("--output", "fused");

        assertThat(outcome.code()).isEqualTo(ExitCode.USAGE);
        assertThat(outcome.error()).startsWith("Cannot write 'file:").hasLineCount(1);
    }

    @Test
    @Order(3)
    void aRowThatATaskRefusesIsOneMessageAndNoOutput() throws Exception {
        Outcome outcome = fuse("--max-tokens", "5", "--report", "refused.html", "--output", "refused");

        // The tasks beside the refused one are stopped in mid-work, and Spark may say so first.
        assertThat(outcome.error()).doesNotContain("\tat ").containsOnlyOnce("Cannot decode row '");
        assertThat(outcome.error().lines().toList()).last().asString().startsWith("Cannot decode row '");
        assertThat(outcome.code()).isEqualTo(ExitCode.INPUT);
        assertThat(outcome.out()).isEmpty();
        assertThat(Files.readString(directory.resolve("refused.html"))).contains("<p>Cannot decode row '");
        assertThat(names()).containsExactlyInAnyOrder("fused", "report.html", "refused.html", "out", "error");
    }

    @Test
    @Order(4)
    void aModelThatDoesNotGivePyTorchsNumbersIsRefusedBeforeAnyRowIsRead() throws Exception {
        Path model = Files.createDirectory(directory.resolve("model"));
        for (String file : List.of("model.safetensors", "golden.safetensors")) {
            Files.copy(DEMO.resolve("model").resolve(file), model.resolve(file));
        }
        String config = Files.readString(DEMO.resolve("model/config.json"));
        Files.writeString(model.resolve("config.json"), config.replaceFirst("(num_attention_heads\": )8", "$14"));
        Outcome verified = start("fuse", "--model=model", demo("visual"), demo("text"), HALF, TEXT_HALF, KEY, REFUSED);
        assertThat(verified.code()).isEqualTo(ExitCode.INPUT);
        assertThat(verified.error())
                .startsWith("Cannot reproduce golden.safetensors: ")
                .hasLineCount(1);
        assertThat(directory.resolve("refused")).doesNotExist();

        Outcome absent = start("fuse", "--model=model", "--paired=/absent", KEY, REFUSED);
        assertThat(absent.code()).isEqualTo(ExitCode.INPUT);
        assertThat(absent.error()).contains("table '/absent': expected a path that exists, got none");
    }

    private static String demo(String modality) {
        return "--features=" + modality + "=" + DEMO.resolve(modality + ".parquet");
    }

    @Test
    @Order(5)
    void neighboursOfAnAnimalAreAnimalsOfTheFilesThatTheManifestNames() throws Exception {
        String part;
        try (var files = Files.list(directory.resolve("fused"))) {
            part = files.map(file -> file.getFileName().toString())
                    .filter(name -> name.startsWith("part-"))
                    .findFirst()
                    .orElseThrow();
        }
        Path fused = directory.resolve("fused");
        Path other = Files.copy(fused.resolve(part), fused.resolve("part-of-another-run.parquet"));
        Outcome outcome = start(
                "neighbours",
                "--table",
                "fused",
                "--key",
                "codepoints",
                "--label",
                "label",
                "--of",
                "1F431",
                "--count",
                "2");

        Files.delete(other);
        assertThat(outcome.error()).isEmpty();
        assertThat(outcome.out()).matches("cat face\n   0\\.\\d{3}  [a-z ]+ face\n   0\\.\\d{3}  [a-z ]+ face\n");
        assertThat(outcome.out().lines()).doesNotHaveDuplicates();
    }

    /** A driver that replays nothing computes nothing. */
    @Test
    @Order(6)
    void bfloat16IsRefusedByTheMachineThatComputesAndLacksIt() throws Exception {
        Map<String, String> older = Map.of("ONEDNN_MAX_CPU_ISA", "AVX512_CORE");
        String model = "--model=" + DEMO.resolve("model");
        String[] fuse = {"fuse", "--precision=bf16", model, demo("visual"), demo("text"), HALF, TEXT_HALF, KEY, REFUSED
        };

        assertRefused("", start(older, "verify", "--precision=bf16", "--model=absent"));
        assertRefused("On the driver: ", start(older, fuse));
        assertRefused(
                "On executor 'driver' (localhost): ",
                fuse(older, "--precision=bf16", "--no-verify", "--partitions=1", "--output=refused"));
        assertThat(directory.resolve("refused")).doesNotExist();
    }

    private static void assertRefused(String where, Outcome outcome) {
        assertThat(outcome.error())
                .startsWith(where + "Cannot compute in bf16: expected a processor with AVX512-BF16 or AMX")
                .endsWith("; drop '--precision bf16'\n")
                .hasLineCount(1);
        assertThat(outcome.code()).isEqualTo(ExitCode.INPUT);
    }

    @Test
    @Order(7)
    void aRunInBfloat16SaysHowFarItIsBehind() throws Exception {
        Bfloat16.library();
        Outcome outcome = fuse("--precision", "bf16", "--output", "rounded");

        assertThat(outcome.error()).isEmpty();
        assertThat(outcome.code()).isEqualTo(ExitCode.DONE);
        assertThat(outcome.out())
                .matches("(?s)verified +4 rows, largest error [0-9]\\.[0-9]e-0[5-9]; in bf16 [0-9]\\.[0-9]e-0[1-3],"
                        + " smallest cosine 0\\.9999[0-9]+\nrows +390\n.*");
    }

    /** YARN takes a driver that started no Spark for a failed one, whatever its command needs. */
    @Test
    @Order(8)
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

    @Test
    @Order(9)
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
    @Test
    @Order(10)
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

    @Test
    @Order(11)
    void auditSaysWhatATableIsAndWhatItIsNot() throws Exception {
        Outcome whole = start("audit", "--output", "fused");
        assertThat(whole.error()).isEmpty();
        assertThat(whole.code()).isEqualTo(ExitCode.DONE);
        assertThat(whole.out()).matches("""
                        rows         390
                        files        [0-9]+
                        quarantined  0 rows
                        fingerprint  [0-9a-f]{16}
                        finished     20[0-9T:.-]+Z
                        versions     braid .*, java .*, spark .*
                        output       fused
                        """);

        Path manifest = directory.resolve("fused/_manifest.json");
        Files.writeString(manifest, Files.readString(manifest).replace("\"rows\" : 390", "\"rows\" : 391"));
        Files.deleteIfExists(directory.resolve("fused/._manifest.json.crc"));
        Outcome other = start("audit", "--output", "fused", "--quick");
        assertThat(other.out()).isEmpty();
        assertThat(other.code()).isEqualTo(ExitCode.INPUT);
        assertThat(other.error())
                .startsWith("Cannot confirm table 'file:")
                .endsWith("\n  _manifest.json: expected 390 rows (the sum over its files), got 391\n");
    }

    @Test
    @Order(12)
    void aModelOfAnotherDigestIsRefusedBeforeAnythingOfItIsRead() throws Exception {
        Path model = Files.createDirectory(directory.resolve("forged"));
        Files.writeString(model.resolve("config.json"), "no config");
        Outcome outcome = start(
                "fuse",
                "--model=forged",
                "--model-sha256=" + "a".repeat(64),
                "--paired=" + DEMO.resolve("text.parquet"),
                "--key=id",
                "--output=refused");

        assertThat(outcome.error()).matches("Cannot use model 'forged': expected SHA-256 a{64} .*\n");
        assertThat(outcome.code()).isEqualTo(ExitCode.INPUT);
        assertThat(directory.resolve("refused")).doesNotExist();
    }

    private static Outcome fuse(String... arguments) throws IOException, InterruptedException {
        return fuse(Map.of(), arguments);
    }

    private static Outcome fuse(Map<String, String> environment, String... arguments)
            throws IOException, InterruptedException {
        List<String> all = new ArrayList<>(List.of(
                "fuse",
                "--model=" + DEMO.resolve("model"),
                "--features=visual=" + DEMO.resolve("visual.parquet"),
                "--features=text=" + DEMO.resolve("text.parquet"),
                "--dtype=visual=float16",
                "--dtype=text=float16",
                "--key=codepoints"));
        all.addAll(List.of(arguments));
        return start(environment, all.toArray(String[]::new));
    }

    private static Outcome start(String... arguments) throws IOException, InterruptedException {
        return start(Map.of(), arguments);
    }

    private static Outcome start(Map<String, String> environment, String... arguments)
            throws IOException, InterruptedException {
        return start(environment, List.of(), arguments);
    }

    private static Outcome start(Map<String, String> environment, List<String> ofJava, String... arguments)
            throws IOException, InterruptedException {
        int code = launch(environment, ofJava, arguments).waitFor();
        String withoutProgress = Files.readString(directory.resolve("error")).replaceAll("Fusing: .*\n", "");
        return new Outcome(code, Files.readString(directory.resolve("out")), withoutProgress);
    }

    private static Process launch(Map<String, String> environment, List<String> ofJava, String... arguments)
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

    private static List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }
}
