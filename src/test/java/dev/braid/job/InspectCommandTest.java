package dev.braid.job;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code braid inspect} without tables, which starts no Spark. */
class InspectCommandTest {
    @TempDir
    Path directory;

    private final StringWriter out = new StringWriter();
    private final StringWriter error = new StringWriter();

    @Test
    void showsArchitectureCostAndEveryTensor() {
        assertThat(inspect("src/demo/model")).isEqualTo(ExitCode.DONE);
        assertThat(error.toString()).isEmpty();
        assertThat(out.toString())
                .startsWith("""
                        weights                      model.safetensors
                        dialect                      torch.nn.TransformerEncoder
                        hidden size                  128
                        layers                       2
                        heads                        8 of size 16
                        intermediate size            512
                        activation                   relu
                        norm order                   post-norm
                        layer norm eps               1e-5
                        attention output projection  yes
                        final LayerNorm              no
                        CLS token                    no
                        embedding LayerNorm          no
                        pooling                      mean

                        modality  feature size  longest  becomes a token by
                        visual             320  any      Linear
                        text               384  any      Linear

                        parameters     486,912
                        bytes          973,824
                        multiply-adds  393,216 a token, in the layers' Linears
                                       40,960 a token of 'visual', in its projection
                                       49,152 a token of 'text', in its projection
                                       512 n a token, in the attention of a row of n tokens

                        role                                 dtype  shape       tensor
                        projection of 'visual' weight        F16    [128, 320]  visual_extractor.model_net.weight
                        """)
                .contains("\nlayer 1 query, key and value bias    F16    [384]       transformer_encoder.layers.1.self")
                .endsWith("\n\nunused: none\n");
    }

    @Test
    void namesWhatAPublishedModelDoesNotUse() {
        assertThat(inspect("src/test/resources/golden/flava-pretraining")).isEqualTo(ExitCode.DONE);
        assertThat(out.toString())
                .contains(
                        "dialect                      Hugging Face FLAVA\n",
                        "norm order                   pre-norm\n",
                        "layer norm eps               1e-12\n",
                        "CLS token                    yes\n",
                        "pooling                      pooler\n",
                        "\nunused                       tensors   bytes\n",
                        "\nflava.image_model.*               25   3,864\n",
                        "\nflava.logit_scale                  1       4\n",
                        "\nall                               83  13,396\n");
    }

    @Test
    void showsTheStepsOfAModelOfVectors() {
        assertThat(inspect("src/test/resources/golden/low-rank-bilinear")).isEqualTo(ExitCode.DONE);
        assertThat(out.toString())
                .startsWith("""
                        weights      model.safetensors
                        dialect      one vector per modality
                        hidden size  16

                        modality  feature size  longest  becomes a token by
                        visual               7        1  as it is
                        text                 5        1  as it is

                        step              computes                                  size
                        visual_projected  linear of visual                            16
                        """)
                .contains(
                        "\nt                 rms_norm of text_projected, eps 0.01        16\n",
                        "\njoint             product of v, t                             16\n",
                        "\nmultiply-adds  448 a row, in the Linears\n",
                        "\n'out' weight ");
    }

    @Test
    void showsWhatMakesTokensOfAModality() {
        assertThat(inspect("src/test/resources/golden/vilt")).isEqualTo(ExitCode.DONE);
        assertThat(out.toString())
                .containsPattern(
                        "\ntext +\\d+, or ids of 7 words +\\d+ +as it is, \\+ 1 learned row, \\+ position row, LayerNorm, \\+ 1 learned"
                                + " row\n")
                .containsPattern("\nvisual +\\d+ +any +as it is, \\+ 1 learned row\n");
    }

    @Test
    void saysWhatWasDoneToFilesAndNames() throws IOException {
        Files.copy(Path.of("src/demo/model/config.json"), directory.resolve("config.json"));
        byte[] weights = Files.readAllBytes(Path.of("src/demo/model/model.safetensors"));
        String header = new String(
                weights, 8, ByteBuffer.wrap(weights).order(LITTLE_ENDIAN).getInt(), UTF_8);
        String wrapped = header.replaceAll("\"(visual|textual|transformer)_", "\"module._orig_mod.$1_")
                .replaceAll("norm(\\d)\\.weight", "norm$1.gamma")
                .replaceAll("norm(\\d)\\.bias", "norm$1.beta");
        byte[] text = wrapped.getBytes(UTF_8);
        byte[] data = Arrays.copyOfRange(weights, 8 + header.length(), weights.length);
        Files.write(
                directory.resolve("model.fp32.safetensors"),
                ByteBuffer.allocate(8 + text.length + data.length)
                        .order(LITTLE_ENDIAN)
                        .putLong(text.length)
                        .put(text)
                        .put(data)
                        .array());
        assertThat(inspect(directory.toString())).isEqualTo(ExitCode.DONE);
        assertThat(out.toString()).startsWith("""
                        weights                      model.fp32.safetensors
                        removed from names           _orig_mod, module
                        gamma and beta               read as weight and bias of 4 LayerNorms
                        """);
    }

    @Test
    void aModelThatIsNotUnderstoodIsOneMessage() throws IOException {
        assertThat(inspect(directory.resolve("absent").toString())).isEqualTo(ExitCode.INPUT);
        assertThat(error.toString())
                .startsWith("Cannot read model '" + directory.resolve("absent") + "': expected a directory");

        error.getBuffer().setLength(0);
        Files.copy(Path.of("src/demo/model/config.json"), directory.resolve("config.json"));
        Files.createFile(directory.resolve("pytorch_model.bin"));
        assertThat(inspect(directory.toString())).isEqualTo(ExitCode.INPUT);
        assertThat(error.toString()).contains("got 'pytorch_model.bin'; convert it");
        assertThat(out.toString()).isEmpty();
    }

    @Test
    void theModelIsRequired() {
        assertThat(Braid.run(
                        new String[] {"inspect", "--paired", "p"},
                        new PrintWriter(out, true),
                        new PrintWriter(error, true)))
                .isEqualTo(ExitCode.USAGE);
        assertThat(error).hasToString("Cannot inspect: expected '--model' (required), got none\n");
    }

    private int inspect(String model) {
        return Braid.run(
                new String[] {"inspect", "--model", model}, new PrintWriter(out, true), new PrintWriter(error, true));
    }
}
