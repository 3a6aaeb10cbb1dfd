package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModelDigest;
import dev.braid.failure.TransientException;
import dev.braid.spark.Verification;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;

/** The options in a manifest, which identify a run; and the digest that a model must have. */
class DecidingOptionsTest {
    private static final String MODEL = "src/demo/model";
    private static final Configuration HADOOP = new Configuration();

    /** Where input, model and output are does not matter to the rows, nor does how they are computed. */
    private static final Set<String> UNDECIDING = Set.of(
            "help",
            "version",
            "model",
            "model-sha256",
            "paired",
            "pairs",
            "features",
            "output",
            "output-table",
            "table-mode",
            "overwrite",
            "publish",
            "options",
            "output-files",
            "partitions",
            "profile",
            "report",
            "no-verify",
            "tolerance",
            "verbose",
            "log",
            "update",
            "changed-by",
            "prune");

    private static final List<String> DEFAULTS = List.of(
            "--column=visual=visual",
            "--column=text=text",
            "--dtype=text=float32",
            "--max-tokens=4096",
            "--truncate=false",
            "--emit=pooled",
            "--vectors=array",
            "--pooling=mean",
            "--precision=fp32",
            "--on-bad-row=fail",
            "--on-missing-modality=fail");

    @TempDir
    private Path directory;

    @Test
    void theyShowTheValuesThatTakeEffect() {
        assertThat(deciding())
                .isEqualTo(Map.ofEntries(
                        Map.entry("key", "id"),
                        Map.entry("column.visual", "visual"),
                        Map.entry("column.text", "text"),
                        Map.entry("dtype.visual", "float32"),
                        Map.entry("dtype.text", "float32"),
                        Map.entry("max-tokens", "4096"),
                        Map.entry("truncate", "false"),
                        Map.entry("emit", "pooled"),
                        Map.entry("vectors", "array"),
                        Map.entry("pooling", "mean"),
                        Map.entry("precision", "fp32"),
                        Map.entry("on-bad-row", "fail"),
                        Map.entry("max-bad-rows", "no limit"),
                        Map.entry("on-missing-modality", "fail")));
    }

    @Test
    void defaultsThatAreGivenAreTheDefaults() {
        assertThat(deciding(DEFAULTS.toArray(String[]::new))).isEqualTo(deciding());
        assertThat(deciding("--options=conf/braid.properties")).isEqualTo(deciding());
    }

    @Test
    void otherSpellingsAreTheSame() {
        String[] one = {
            "--emit=tokens,pooled", "--max-tokens=100", "--on-bad-row=quarantine", "--max-bad-rows=0.5%", "--keep=a,b"
        };
        String[] other = {
            "--emit=pooled, tokens",
            "--max-tokens=0100",
            "--on-bad-row=quarantine",
            "--max-bad-rows=0.50 %",
            "--keep=a, b"
        };
        assertThat(deciding(one)).isEqualTo(deciding(other));
    }

    @Test
    void theColumnOfChangesIsKept() {
        assertThat(deciding("--update", "--changed-by=v")).isEqualTo(deciding("--keep=v"));
        assertThat(deciding("--update", "--changed-by=v", "--keep=v,w")).isEqualTo(deciding("--keep=v,w"));
    }

    @Test
    void anOptionsFileCountsLikeTheCommandLine() throws IOException {
        Path file = directory.resolve("options.properties");
        Files.writeString(
                file, "vectors = int8\ntruncate = true\ncolumn.text = caption\nmask.text = m\nlength.visual = n\n");
        assertThat(deciding("--options=" + file))
                .isEqualTo(deciding(
                        "--vectors=int8", "--truncate", "--column=text=caption", "--mask=text=m", "--length=visual=n"))
                .containsEntry("vectors", "int8")
                .containsEntry("mask.text", "m")
                .containsEntry("length.visual", "n");
    }

    @Test
    void anIdHasTheNameThatPairsReferToItBy() {
        assertThat(deciding("--pair=visual=image", "--pair=text=caption", "--id=text=number"))
                .isEqualTo(
                        deciding("--pair=text=caption", "--id=text=number", "--id=visual=image", "--pair=visual=image"))
                .containsEntry("pair.visual", "image")
                .containsEntry("id.visual", "image")
                .containsEntry("pair.text", "caption")
                .containsEntry("id.text", "number");
    }

    @Test
    void everyOptionThatDecidesRowsIsThere() {
        Map<String, String> deciding = deciding(
                "--keep=a",
                "--partition-by=b",
                "--mask=text=m",
                "--length=visual=n",
                "--pair=visual=image",
                "--on-bad-row=quarantine",
                "--max-bad-rows=1");
        Set<String> names = new TreeSet<>(UNDECIDING);
        deciding.keySet().forEach(name -> names.add(name.replaceFirst("\\..*", "")));
        names.add("boxes"); // only of a model that has boxes
        CommandLine fuse = Braid.commandLine().getSubcommands().get("fuse");
        assertThat(fuse.getCommandSpec().options())
                .extracting(OptionSpec::longestName)
                .extracting(name -> name.substring(2))
                .containsExactlyInAnyOrderElementsOf(names);
    }

    @Test
    void aModelOfAnotherDigestIsRefusedAndOneOfThatDigestIsNot() {
        String digest = ModelDigest.of(MODEL, HADOOP).sha256();
        String other = "0".repeat(64);
        options("--model-sha256=" + digest.toUpperCase(Locale.ROOT)).checkDigest(HADOOP);
        options().checkDigest(HADOOP);
        assertThatThrownBy(() -> options("--model-sha256=" + other).checkDigest(HADOOP))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot use model 'src/demo/model': expected SHA-256 " + other + " (--model-sha256), got "
                        + digest + "; pass the directory of the model that was meant, or its digest");
        assertThatThrownBy(() -> options("--model-sha256=" + digest.substring(1)))
                .isInstanceOf(ParameterException.class)
                .hasMessageContaining("expected 64 hexadecimal digits, got '" + digest.substring(1) + "'");
    }

    @Test
    void aModelThatChangesAfterItsDigestWasAskedForIsRefused(@TempDir Path directory) throws IOException {
        for (String name : List.of("config.json", "model.safetensors", "golden.safetensors")) {
            Files.copy(Path.of(MODEL, name), directory.resolve(name));
        }
        ModelDigest digest = ModelDigest.of(directory.toString(), HADOOP);
        digest.sha256();
        Files.writeString(directory.resolve("notes.txt"), "read by nobody");
        Verification.refuseChanged(digest);

        Files.setLastModifiedTime(directory.resolve("config.json"), FileTime.fromMillis(1));
        Files.delete(directory.resolve("golden.safetensors"));
        Files.writeString(directory.resolve("another.safetensors"), "");
        assertThatThrownBy(() -> Verification.refuseChanged(digest))
                .isInstanceOf(TransientException.class)
                .hasMessage("Cannot use model '" + directory + "': expected its files as they were when the run began,"
                        + " got changed ones: 'another.safetensors', 'config.json', 'golden.safetensors'; run it again"
                        + " once nobody writes to it");
    }

    private static Map<String, String> deciding(String... arguments) {
        FuseOptions options = options(arguments);
        Checkpoint checkpoint = options.repooled(Checkpoint.read(MODEL, HADOOP));
        return DecidingOptions.of(
                options.config(checkpoint.config()),
                options.input.references(),
                options.partitionBy,
                checkpoint.config());
    }

    private static FuseOptions options(String... arguments) {
        List<String> all = new ArrayList<>(List.of("fuse", "--model=" + MODEL, "--key=id", "--output=o"));
        all.addAll(List.of(arguments));
        boolean pairs = all.stream().anyMatch(argument -> argument.startsWith("--pair="));
        all.addAll(pairs ? List.of("--pairs=p", "--features=text=t") : List.of("--paired=p"));
        CommandLine parsed = Braid.commandLine();
        parsed.parseArgs(Braid.withOptionsFile(all.toArray(String[]::new)));
        FuseCommand fuse = (FuseCommand)
                parsed.getSubcommands().get("fuse").getCommandSpec().userObject();
        fuse.options.check("fuse");
        return fuse.options;
    }
}
