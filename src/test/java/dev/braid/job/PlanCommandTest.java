package dev.braid.job;

import static dev.braid.job.GrowingInput.report;
import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.ChildJvm;
import dev.braid.job.GrowingInput.Outcome;
import dev.braid.spark.SharedSpark;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Plans for the demo data in the shared Spark, and runs that follow them or cannot, each in a JVM of its own. */
@ExtendWith(SharedSpark.class)
class PlanCommandTest {
    private static final Path DEMO = Path.of("src/demo").toAbsolutePath();
    private static final long MIB = 1 << 20;

    private final SparkSession spark;

    @TempDir
    private Path directory;

    /** How a run ended, and the most memory that its process has held, in bytes. */
    private record Run(int code, String error, long peak) {}

    PlanCommandTest(SparkSession spark) {
        this.spark = spark;
    }

    @Tag("slow")
    @Test
    void thePrintedSettingsWorkAndThePeakOfTheRunIsWithinThePlan() throws Exception {
        String plan = report(plan(Map.of(), "--rate=100tokens"));
        assertThat(plan)
                .startsWith("rows        390\ninput       ")
                .containsPattern("\ntokens +14\\.9 a row, 8 to 24 \\(sampled: the first 390 rows\\)\n")
                .containsPattern("\nwork +1\\.0 minutes of one slot\n");
        int heap = number("These settings work: --driver-memory (\\d+)m ", plan);
        int outside = number("\n\noutside the heap(?:.|\n)*?\nneeded +([0-9,]+)\n", plan);

        Run run = start("-Xmx" + heap + "m", demo("fuse", "--output=fused"));

        assertThat(run.error()).isEmpty();
        assertThat(run.code()).isEqualTo(ExitCode.DONE);
        long planned = (heap + outside) * MIB;
        assertThat(planned).isBetween(run.peak(), 2 * run.peak());
    }

    @Tag("slow")
    @Test
    void executorsThatAreTooSmallAreRefusedAndThePrintedOnesAreNot() throws Exception {
        Map<String, String> small = Map.of("spark.executor.cores", "8", "spark.executor.memory", "600m");
        Outcome refused = plan(small, "--rate=100", "--until=1h", "--price=0.05");
        assertThat(refused.code()).isEqualTo(ExitCode.INPUT);
        assertThat(refused.error())
                .startsWith("Cannot fuse with these settings:\n  heap of an executor: expected at least ")
                .contains("\n  memory outside the heap of an executor: expected at least ");
        assertThat(refused.out())
                .containsPattern("\nexecutors +1 of 8 cores: 0\\.\\d minutes, in time for '1h'\ncost +0\\.0");

        Matcher settings = Pattern.compile(
                        "--executor-memory (\\w+) --conf (spark\\.executor\\.memoryOverhead)=(\\w+) ")
                .matcher(refused.out());
        assertThat(settings.find()).isTrue();
        Map<String, String> printed = Map.of(
                "spark.executor.cores",
                "8",
                "spark.executor.memory",
                settings.group(1),
                settings.group(2),
                settings.group(3));
        assertThat(report(plan(printed)))
                .containsPattern(
                        "\nrate +[0-9,]+ tokens/s a slot, 75 % of the encoder's rate measured here \\(.+\\); ");
    }

    @Test
    void buffersThatNoContainerHoldsAreRefusedBeforeAnythingIsMeasured() throws Exception {
        Outcome outcome = plan(Map.of("spark.executor.memory", "2g"), "--max-tokens=700000", "--until=06:00");
        assertThat(outcome.code()).isEqualTo(ExitCode.INPUT);
        assertThat(outcome.error())
                .startsWith("Cannot fuse with these settings:\n  memory of an executor: expected at least ")
                .contains(" (the model, its weights and the buffers of one batch), got 2.4 GiB; set"
                        + " spark.executor.memoryOverhead=");
        assertThat(outcome.out()).contains("These settings work: ").doesNotContain("rate");
    }

    /** 172 MiB of zeros, which need three times as much of a heap of 480 MiB. */
    @Tag("slow")
    @Test
    void aRunWhoseHeapCannotHoldTheModelIsRefusedBeforeARowIsRead() throws Exception {
        Path model = zeros(44_000, 1024);
        Run outcome = start(
                "-Xmx480m",
                List.of(
                        "fuse",
                        "--model=" + model,
                        "--paired=" + DEMO.resolve("text.parquet"),
                        "--key=codepoints",
                        "--output=fused"));

        assertThat(outcome.error())
                .startsWith("Cannot fuse with these settings:\n  heap of this JVM: expected at least ")
                .contains(" (the model, broadcast and unpacked), got 480 MiB; set spark.driver.memory=");
        assertThat(outcome.code()).isEqualTo(ExitCode.INPUT);
        assertThat(directory.resolve("fused")).doesNotExist();
        assertThat(directory.resolve(".fused.run")).doesNotExist();
    }

    private static List<String> demo(String command, String... more) {
        List<String> arguments = new ArrayList<>(List.of(
                command,
                "--model=" + DEMO.resolve("model"),
                "--features=visual=" + DEMO.resolve("visual.parquet"),
                "--features=text=" + DEMO.resolve("text.parquet"),
                "--dtype=visual=float16",
                "--dtype=text=float16",
                "--key=codepoints"));
        arguments.addAll(List.of(more));
        return arguments;
    }

    private static int number(String pattern, String text) {
        Matcher found = Pattern.compile(pattern).matcher(text);
        assertThat(found.find()).as(pattern + " in " + text).isTrue();
        return Integer.parseInt(found.group(1).replace(",", ""));
    }

    /** Plans as if the Spark had been started with some more settings. */
    private Outcome plan(Map<String, String> settings, String... options) {
        SparkConf conf = spark.sparkContext().conf();
        settings.forEach(conf::set);
        try {
            return GrowingInput.run(demo("plan", options).toArray(String[]::new));
        } finally {
            settings.keySet().forEach(conf::remove);
        }
    }

    private Run start(String heap, List<String> arguments) throws IOException, InterruptedException {
        List<String> command = ChildJvm.javaWithSpark(2);
        command.add(heap);
        command.addAll(List.of("-cp", ChildJvm.classPath(), Braid.class.getName()));
        command.addAll(arguments);
        Path error = directory.resolve("error");
        Process process = new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(error.toFile())
                .start();
        long peak = 0;
        do {
            peak = Math.max(peak, peak(process));
        } while (!process.waitFor(20, TimeUnit.MILLISECONDS));
        return new Run(process.exitValue(), Files.readString(error).replaceAll("Fusing: .*\n", ""), peak);
    }

    /** The largest resident set of a process so far; 0 once it has ended. */
    private static long peak(Process process) {
        try {
            Matcher line = Pattern.compile("VmHWM:\\s+(\\d+) kB")
                    .matcher(Files.readString(Path.of("/proc/" + process.pid() + "/status")));
            return line.find() ? Long.parseLong(line.group(1)) << 10 : 0;
        } catch (IOException ended) {
            return 0;
        }
    }

    /** A model of one projection and one small layer, all zeros, in a file with a hole. */
    private Path zeros(int featureSize, int hiddenSize) throws IOException {
        Path model = Files.createDirectory(directory.resolve("model"));
        Files.writeString(
                model.resolve("config.json"),
                "{\"model_type\": \"fusion_encoder\", \"modalities\": [{\"name\": \"text\", \"feature_size\": "
                        + featureSize + "}], \"hidden_size\": " + hiddenSize
                        + ", \"num_hidden_layers\": 1, \"num_attention_heads\": 1}");
        String layer = "encoder.layers.0.";
        List<String> tensors = new ArrayList<>();
        long[] end = {0};
        add(tensors, end, "textual_extractor.model_net.weight", hiddenSize, featureSize);
        add(tensors, end, "textual_extractor.model_net.bias", hiddenSize);
        add(tensors, end, layer + "self_attn.in_proj_weight", 3 * hiddenSize, hiddenSize);
        add(tensors, end, layer + "self_attn.in_proj_bias", 3 * hiddenSize);
        add(tensors, end, layer + "self_attn.out_proj.weight", hiddenSize, hiddenSize);
        add(tensors, end, layer + "self_attn.out_proj.bias", hiddenSize);
        add(tensors, end, layer + "linear1.weight", 1, hiddenSize);
        add(tensors, end, layer + "linear1.bias", 1);
        add(tensors, end, layer + "linear2.weight", hiddenSize, 1);
        add(tensors, end, layer + "linear2.bias", hiddenSize);
        for (String norm : List.of("norm1", "norm2")) {
            add(tensors, end, layer + norm + ".weight", hiddenSize);
            add(tensors, end, layer + norm + ".bias", hiddenSize);
        }
        byte[] header = ("{" + String.join(",", tensors) + "}").getBytes(StandardCharsets.UTF_8);
        try (RandomAccessFile file =
                new RandomAccessFile(model.resolve("model.safetensors").toFile(), "rw")) {
            file.write(ByteBuffer.allocate(Long.BYTES)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(header.length)
                    .array());
            file.write(header);
            file.setLength(Long.BYTES + header.length + end[0]);
        }
        return model;
    }

    private static void add(List<String> tensors, long[] end, String name, int... shape) {
        long bytes = Float.BYTES;
        for (int dimension : shape) {
            bytes *= dimension;
        }
        tensors.add("\"" + name + "\":{\"dtype\":\"F32\",\"shape\":" + Arrays.toString(shape) + ",\"data_offsets\":["
                + end[0] + "," + (end[0] + bytes) + "]}");
        end[0] += bytes;
    }
}
