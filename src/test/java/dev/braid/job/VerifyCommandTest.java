package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.checkpoint.SafetensorsFile;
import dev.braid.checkpoint.TensorEntry;
import dev.braid.kernel.Bfloat16;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code braid verify} on a golden model as it is, and broken. */
class VerifyCommandTest {
    private static final Path GOLDEN = Path.of("src/test/resources/golden");

    @TempDir
    Path model;

    private final StringWriter out = new StringWriter();
    private final StringWriter error = new StringWriter();

    @BeforeEach
    void copySeed() throws IOException {
        copy("seed-small");
    }

    private void copy(String golden) throws IOException {
        for (String file : new String[] {"config.json", "model.safetensors", "golden.safetensors"}) {
            Files.copy(GOLDEN.resolve(golden).resolve(file), model.resolve(file), StandardCopyOption.REPLACE_EXISTING);
        }
    }

    @Test
    void showsHowNearTheModelComes() {
        assertThat(verify()).isEqualTo(ExitCode.DONE);
        assertThat(error.toString()).isEmpty();
        assertThat(out.toString()).matches("""
                rows           4
                tokens         54
                largest error  \\d\\.\\de-0[5-9]
                where          '[a-z.0-9]+', row \\d, (token \\d+, )?element \\d+: \\S+ instead of \\S+
                tolerance      1e-4 \\(relative to the root mean square of its vector\\)

                layer     largest error  where
                layers\\.0        \\d\\.\\de-0[5-9]  'layers\\.0', row .*
                layers\\.1        \\d\\.\\de-0[5-9]  'layers\\.1', row .*
                """);
    }

    @Test
    void inBfloat16ShowsHowFarItIsBehindAsWell() {
        Bfloat16.library();

        assertThat(verify("--precision", "bf16")).isEqualTo(ExitCode.DONE);
        assertThat(error.toString()).isEmpty();
        assertThat(out.toString()).matches("""
                (?s)rows           4
                .*
                tolerance      1e-4 .*
                layers\\.1        \\d\\.\\de-0[5-9]  'layers\\.1', row [^\n]*

                precision        bf16
                largest error    \\d\\.\\de-0[1-3]
                where            '[a-z.0-9]+', row [^\n]*
                smallest cosine  0\\.9999\\d\\d
                where            'pooled', row \\d
                expected         a cosine of at least 0.999

                layer     largest error  where
                layers\\.0        \\d\\.\\de-0[1-3]  'layers\\.0', row [^\n]*
                layers\\.1        \\d\\.\\de-0[1-3]  'layers\\.1', row [^\n]*
                """);
    }

    /** bfloat16 would round the difference away. */
    @Test
    void aWrongEpsilonIsFoundInFloat32() throws IOException {
        Bfloat16.library();
        Path config = model.resolve("config.json");
        String right = Files.readString(config);
        Files.writeString(config, right.replace("1e-05", "1e-03"));
        assertThat(config).content().isNotEqualTo(right);

        assertThat(verify("--precision", "bf16")).isEqualTo(ExitCode.INPUT);
        assertThat(error.toString())
                .startsWith("Cannot reproduce golden.safetensors: expected every number within 1e-04");
    }

    @Test
    void aChangedWeightIsFoundInItsLayer() throws IOException {
        overwrite("transformer_encoder.layers.1.linear2.bias", 1.5f);

        assertThat(verify()).isEqualTo(ExitCode.INPUT);
        assertThat(out.toString()).contains("rows           4", "layers.1");
        assertThat(error.toString())
                .startsWith("Cannot reproduce golden.safetensors: expected every number within 1e-04 of PyTorch's")
                .contains("row ", "; the first layer that differs is layers.1")
                .hasLineCount(1);
    }

    /** PyTorch's outputs are all below 1e-4, and so are their distances from 0. */
    @Test
    void zerosDoNotPassForSmallNumbers() throws IOException {
        copy("small-outputs");
        assertThat(verify()).isEqualTo(ExitCode.DONE);

        overwrite("transformer_encoder.layers.1.norm2.weight", new float[16]);
        overwrite("transformer_encoder.layers.1.norm2.bias", new float[16]);
        assertThat(verify()).isEqualTo(ExitCode.INPUT);
        assertThat(error.toString())
                .startsWith("Cannot reproduce golden.safetensors: expected every number within 1e-04 of PyTorch's")
                .contains(": 0.0 instead of ", "E-5); the first layer that differs is layers.1");
    }

    @Test
    void theLargestToleranceLetsNoOtherDirectionPass() throws IOException {
        overwrite("transformer_encoder.layers.1.norm2.weight", new float[64]);
        overwrite("transformer_encoder.layers.1.norm2.bias", new float[64]);
        assertThat(verify("--tolerance", "1e9")).isEqualTo(ExitCode.INPUT);
        assertThat(error.toString())
                .startsWith(
                        "Cannot reproduce golden.safetensors in fp32: expected a cosine of at least 0.999 with every"
                                + " vector of PyTorch's, got -1.000000 ('pooled', row 0); compare num_attention_heads");
    }

    @Test
    void aWrongNumberOfHeadsIsFoundInTheFirstLayer() throws IOException {
        Path config = model.resolve("config.json");
        String right = Files.readString(config);
        Files.writeString(config, right.replaceFirst("(num_attention_heads\":) *8", "$1 4"));
        assertThat(config).content().isNotEqualTo(right);

        assertThat(verify()).isEqualTo(ExitCode.INPUT);
        assertThat(error.toString()).contains("; the first layer that differs is layers.0");
    }

    @Test
    void theToleranceIsTheUsers() {
        assertThat(verify("--tolerance", "1e-12")).isEqualTo(ExitCode.INPUT);
        assertThat(error.toString()).contains("within 1e-12 of PyTorch's");
    }

    @Test
    void aModelWithoutGoldenFileSaysHowToGetOne() throws IOException {
        Files.delete(model.resolve("golden.safetensors"));

        assertThat(verify()).isEqualTo(ExitCode.INPUT);
        assertThat(error)
                .hasToString("Cannot verify model '" + model + "': expected golden.safetensors next to its weights, got"
                        + " none; write one in Python with braid.export(module, directory, sample=...)\n");
        assertThat(out.toString()).isEmpty();
    }

    private org.apache.hadoop.fs.Path weights() {
        return new org.apache.hadoop.fs.Path(model.resolve("model.safetensors").toUri());
    }

    /** Writes numbers over the first ones of a tensor. */
    private void overwrite(String tensor, float... numbers) throws IOException {
        TensorEntry entry;
        try (SafetensorsFile file = SafetensorsFile.open(weights(), new Configuration())) {
            entry = file.entries().get(tensor);
        }
        try (RandomAccessFile file =
                new RandomAccessFile(model.resolve("model.safetensors").toFile(), "rw")) {
            long header = Long.reverseBytes(file.readLong());
            file.seek(Long.BYTES + header + entry.begin());
            for (float number : numbers) {
                file.writeInt(Integer.reverseBytes(Float.floatToIntBits(number)));
            }
        }
    }

    private int verify(String... more) {
        String[] arguments = new String[3 + more.length];
        System.arraycopy(new String[] {"verify", "--model", model.toString()}, 0, arguments, 0, 3);
        System.arraycopy(more, 0, arguments, 3, more.length);
        return Braid.run(arguments, new PrintWriter(out, true), new PrintWriter(error, true));
    }
}
