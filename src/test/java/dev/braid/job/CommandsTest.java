package dev.braid.job;

import static dev.braid.job.GrowingInput.report;
import static dev.braid.job.GrowingInput.run;
import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.job.GrowingInput.Outcome;
import dev.braid.kernel.Bfloat16;
import dev.braid.kernel.Int8;
import dev.braid.spark.SharedSpark;
import dev.braid.storage.TouchedFileSystem;
import java.io.IOException;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.commons.io.FileUtils;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The commands on the demo data, in the Spark session that this JVM has. */
@ExtendWith(SharedSpark.class)
class CommandsTest {
    private static final Path DEMO = Path.of("src/demo").toAbsolutePath();
    private static final Path MODEL = DEMO.resolve("model");

    @TempDir
    static Path shared;

    /** The demo's table. A test that changes it changes a copy. */
    private static Path fused;

    @TempDir
    private Path directory;

    @BeforeAll
    static void fuseTheDemo(SparkSession spark) { // which must run
        fused = shared.resolve("fused");
        report(fuse(MODEL, fused, "--keep=label"));
    }

    @Test
    void anOutputThatExistsIsRefused() {
        Outcome outcome = fuse(MODEL, fused);

        assertThat(outcome.code()).isEqualTo(ExitCode.USAGE);
        assertThat(outcome.error()).startsWith("Cannot write 'file:").hasLineCount(1);
    }

    @Test
    void aModelThatDoesNotGivePyTorchsNumbersIsRefusedBeforeAnyRowIsRead() throws IOException {
        Path model = Files.createDirectory(directory.resolve("model"));
        for (String file : List.of("model.safetensors", "golden.safetensors")) {
            Files.copy(MODEL.resolve(file), model.resolve(file));
        }
        String config = Files.readString(MODEL.resolve("config.json"));
        Files.writeString(model.resolve("config.json"), config.replaceFirst("(num_attention_heads\": )8", "$14"));
        Path refused = directory.resolve("refused");
        Outcome verified = fuse(model, refused);
        assertThat(verified.code()).isEqualTo(ExitCode.INPUT);
        assertThat(verified.error())
                .startsWith("Cannot reproduce golden.safetensors: ")
                .hasLineCount(1);
        assertThat(refused).doesNotExist();

        Outcome absent = run("fuse", "--model=" + model, "--paired=/absent", "--key=id", "--output=" + refused);
        assertThat(absent.code()).isEqualTo(ExitCode.INPUT);
        assertThat(absent.error()).contains("table '/absent': expected a path that exists, got none");
    }

    @Test
    void neighboursOfAnAnimalAreAnimalsOfTheFilesThatTheManifestNames() throws IOException {
        Path table = copy();
        Path part;
        try (var files = Files.list(table)) {
            part = files.filter(file -> file.getFileName().toString().startsWith("part-"))
                    .findFirst()
                    .orElseThrow();
        }
        Files.copy(part, table.resolve("part-of-another-run.parquet"));
        String neighbours = report(
                run("neighbours", "--table=" + table, "--key=codepoints", "--label=label", "--of=1F431", "--count=2"));

        assertThat(neighbours).matches("cat face\n   0\\.\\d{3}  [a-z ]+ face\n   0\\.\\d{3}  [a-z ]+ face\n");
        assertThat(neighbours.lines()).doesNotHaveDuplicates();
    }

    @Test
    void storageThatDoesNotAnswerIsNotTakenForATableWithoutFiles(SparkSession spark) {
        TouchedFileSystem.register(spark.sparkContext().hadoopConfiguration());
        for (int call = 0; call < 2; call++) {
            TouchedFileSystem.touch(call, () -> {
                throw new SocketException("Connection reset");
            });
            Outcome unread = run("neighbours", "--table=touched:" + fused, "--key=codepoints", "--of=1F431");
            assertThat(unread.error())
                    .startsWith("Cannot read fused table 'touched:" + fused
                            + "': expected storage, network and executors" + " that answer, got '")
                    .contains("Connection reset");
            assertThat(unread.code()).isEqualTo(ExitCode.FAILED);
        }
        TouchedFileSystem.touch(-1, () -> {});

        Outcome empty = run("neighbours", "--table=" + directory, "--key=codepoints", "--of=1F431");
        assertThat(empty.error())
                .isEqualTo("Cannot read fused table '" + directory + "': expected intact Parquet files, got none\n");
        assertThat(empty.code()).isEqualTo(ExitCode.INPUT);
    }

    @Test
    void neighboursInADamagedFileAreNotLookedForAgain() throws IOException {
        Path table = copy();
        List<Path> parts;
        try (var files = Files.list(table)) {
            parts = files.filter(file -> file.getFileName().toString().startsWith("part-"))
                    .toList();
        }
        for (Path part : parts) {
            byte[] bytes = Files.readAllBytes(part);
            Arrays.fill(bytes, 4, bytes.length / 2, (byte) 0x55);
            Files.write(part, bytes);
        }
        Outcome damaged = run("neighbours", "--table=" + table, "--key=codepoints", "--of=1F431");
        assertThat(damaged.error())
                .startsWith("Cannot read fused table '" + table + "': expected intact Parquet files, got '");
        assertThat(damaged.code()).isEqualTo(ExitCode.INPUT);
    }

    @Test
    void aRunInBfloat16SaysHowFarItIsBehind() {
        Bfloat16.library();
        assertSaysHowFarItIsBehind("bf16");
    }

    @Test
    void aRunInInt8SaysHowFarItIsBehind() {
        Int8.library();
        assertSaysHowFarItIsBehind("int8");
    }

    private void assertSaysHowFarItIsBehind(String precision) {
        assertThat(report(fuse(MODEL, directory.resolve("rounded"), "--precision=" + precision)))
                .matches("(?s)verified +4 rows, largest error [0-9]\\.[0-9]e-0[5-9]; in " + precision
                        + " [0-9]\\.[0-9]e-0[1-3], smallest cosine 0\\.9999[0-9]+\nrows +390\n.*");
    }

    @Test
    void auditSaysWhatATableIsAndWhatItIsNot() throws IOException {
        Path table = copy();
        assertThat(report(run("audit", "--output=" + table))).matches("""
                        rows         390
                        files        [0-9]+
                        quarantined  0 rows
                        fingerprint  [0-9a-f]{16}
                        finished     20[0-9T:.-]+Z
                        versions     braid .*, java .*, spark .*
                        output       .*/fused
                        """);

        Path manifest = table.resolve("_manifest.json");
        Files.writeString(manifest, Files.readString(manifest).replace("\"rows\" : 390", "\"rows\" : 391"));
        Files.deleteIfExists(table.resolve("._manifest.json.crc"));
        Outcome other = run("audit", "--output=" + table, "--quick");
        assertThat(other.out()).isEmpty();
        assertThat(other.code()).isEqualTo(ExitCode.INPUT);
        assertThat(other.error())
                .startsWith("Cannot confirm table 'file:")
                .endsWith("\n  _manifest.json: expected 390 rows (the sum over its files), got 391\n");
    }

    @Test
    void aModelOfAnotherDigestIsRefusedBeforeAnythingOfItIsRead() throws IOException {
        Path model = Files.createDirectory(directory.resolve("forged"));
        Files.writeString(model.resolve("config.json"), "no config");
        Path refused = directory.resolve("refused");
        Outcome outcome = fuse(model, refused, "--model-sha256=" + "a".repeat(64));

        assertThat(outcome.error()).matches("Cannot use model '.*/forged': expected SHA-256 a{64} .*\n");
        assertThat(outcome.code()).isEqualTo(ExitCode.INPUT);
        assertThat(refused).doesNotExist();
    }

    /** Of the demo's table, in this test's directory. */
    private Path copy() throws IOException {
        Path copy = directory.resolve("fused");
        FileUtils.copyDirectory(fused.toFile(), copy.toFile());
        return copy;
    }

    private static Outcome fuse(Path model, Path output, String... options) {
        List<String> all = new ArrayList<>(List.of(
                "fuse",
                "--model=" + model,
                "--features=visual=" + DEMO.resolve("visual.parquet"),
                "--features=text=" + DEMO.resolve("text.parquet"),
                "--dtype=visual=float16",
                "--dtype=text=float16",
                "--key=codepoints",
                "--output=" + output));
        all.addAll(List.of(options));
        return run(all.toArray(String[]::new));
    }
}
