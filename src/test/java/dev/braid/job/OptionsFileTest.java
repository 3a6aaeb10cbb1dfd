package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.spark.Emitted;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine.ParseResult;

class OptionsFileTest {
    @TempDir
    Path directory;

    @Test
    void theCommandLineWinsOptionByOption() throws IOException {
        write(
                "model = file-model\nkey = file-key\nmax-tokens = 7\nemit = pooled,attention-by-layer\noverwrite = true\n");

        ParseResult parsed = parse("--key", "mine", "--overwrite=false", "--paired", "p");

        assertThat(parsed.<String>matchedOptionValue("--model", "")).isEqualTo("file-model");
        assertThat(parsed.<String>matchedOptionValue("--key", "")).isEqualTo("mine");
        assertThat(parsed.<Integer>matchedOptionValue("--max-tokens", 0)).isEqualTo(7);
        assertThat(parsed.<List<Emitted>>matchedOptionValue("--emit", List.of()))
                .containsExactly(Emitted.POOLED, Emitted.ATTENTION_BY_LAYER);
        assertThat(parsed.<Boolean>matchedOptionValue("--overwrite", true)).isFalse();
    }

    @Test
    void anOptionPerModalityIsTakenFromTheFileModalityByModality() throws IOException {
        write("column.visual = file-v\ncolumn.text = file-t\nfeatures.visual = fv\nfeatures.text = ft\n");

        ParseResult parsed = parse("--column", "text=mine", "--features", "visual=mine");

        assertThat(assignments(parsed, "--column")).containsExactlyInAnyOrder("visual=file-v", "text=mine");
        assertThat(assignments(parsed, "--features")).containsExactlyInAnyOrder("text=ft", "visual=mine");
    }

    @Test
    void aPairedTableOnTheCommandLineDropsTheTablesPerModalityOfTheFile() throws IOException {
        write("features.visual = v\nfeatures.text = t\n");

        ParseResult parsed = parse("--paired", "p");

        assertThat(parsed.hasMatchedOption("--features")).isFalse();
        assertThat(parsed.<String>matchedOptionValue("--paired", "")).isEqualTo("p");
    }

    @Test
    void tablesPerModalityOnTheCommandLineDropThePairedTableOfTheFile() throws IOException {
        write("paired = p\n");

        assertThat(parse("--features", "visual=v").hasMatchedOption("--paired")).isFalse();
    }

    @Test
    void aMaskOrLengthOnTheCommandLineDropsEitherOfTheFileForThatModality() throws IOException {
        write("mask.visual = v\nlength.text = t\nmask.audio = a\n");

        ParseResult parsed = parse("--length", "visual=mine", "--mask", "text=mine");

        assertThat(assignments(parsed, "--mask")).containsExactlyInAnyOrder("text=mine", "audio=a");
        assertThat(assignments(parsed, "--length")).containsExactly("visual=mine");
    }

    @Test
    void anEmptyValueIsNoValue() throws IOException {
        write("model =\nfeatures.visual =   \nkey = k\n");

        ParseResult parsed = parse();

        assertThat(parsed.hasMatchedOption("--model")).isFalse();
        assertThat(parsed.hasMatchedOption("--features")).isFalse();
        assertThat(parsed.<String>matchedOptionValue("--key", "")).isEqualTo("k");
    }

    @Test
    void valuesKeepSpacesEqualsSignsAndLettersOfAnyScript() throws IOException {
        write("key = clé primaire\nfeatures.visual = /data/a=b c\n");

        ParseResult parsed = parse();

        assertThat(parsed.<String>matchedOptionValue("--key", "")).isEqualTo("clé primaire");
        assertThat(assignments(parsed, "--features")).containsExactly("visual=/data/a=b c");
    }

    @Test
    void anUnknownKeyIsAnErrorThatNamesTheNearest() throws IOException {
        Path file =
                write("max-token = 5\nfeature.visual = v\nmodel.visual = m\ncolumn = c\nhelp = true\noptions = x\n");

        assertThat(errorOf("fuse", "--options", file.toString()))
                .isEqualTo("Cannot read options file '" + file
                        + "': expected options of 'braid fuse' without their dashes, got"
                        + " 'column' (the nearest is 'column.MODALITY'),"
                        + " 'feature.visual' (the nearest is 'features.visual'),"
                        + " 'help' (the nearest is 'keep'),"
                        + " 'max-token' (the nearest is 'max-tokens'),"
                        + " 'model.visual' (the nearest is 'model'),"
                        + " 'options' (the nearest is 'pairs')\n");
    }

    @Test
    void aValueThatCannotBeParsedIsSaidToBeInTheFile() throws IOException {
        Path file = write("max-tokens = many\n");

        assertThat(errorOf("fuse", "--options=" + file))
                .isEqualTo("Cannot parse option 'max-tokens' of options file '" + file
                        + "': expected a whole number from 1 to 2147483647, got 'many'\n");
    }

    @Test
    void aKeyThatStandsTwiceIsAnError() throws IOException {
        Path file = write("key = a\nkey = b\n");

        assertThat(errorOf("fuse", "--options=" + file))
                .isEqualTo("Cannot read options file '" + file + "': expected each key once, got 'key' twice\n");
    }

    @Test
    void aMalformedEscapeIsAnError() throws IOException {
        Path file = write("key = \\u00zz\n");

        assertThat(errorOf("fuse", "--options=" + file))
                .isEqualTo("Cannot read options file '" + file
                        + "': expected a properties file in UTF-8, got a malformed escape after a backslash\n");
    }

    @Test
    void aFileThatIsNotThereIsBadInput() {
        Path file = directory.resolve("absent.properties");
        StringWriter error = new StringWriter();

        assertThat(Braid.run(
                        new String[] {"fuse", "--options", file.toString()},
                        new PrintWriter(new StringWriter()),
                        new PrintWriter(error, true)))
                .isEqualTo(ExitCode.INPUT);
        assertThat(error).hasToString("Cannot read options file '" + file + "': expected a file, got none\n");
    }

    @Test
    void aFileOfAHadoopFileSystemIsReadByItsScheme() throws IOException {
        Path file = write("key = k\n");

        assertThat(OptionsFile.read(file.toUri().toString()).values()).containsEntry("key", "k");
        assertThatThrownBy(() -> OptionsFile.read("file:/absent/braid.properties"))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot read options file 'file:/absent/braid.properties': expected a file, got none");
    }

    @Test
    void theFileSystemIsSetUpAsSparkSays() throws IOException {
        write("key = k\n");
        String mount = "spark.hadoop.fs.viewfs.mounttable.cl.link./options";
        System.setProperty(mount, directory.toUri().toString());
        try {
            assertThat(OptionsFile.read("viewfs://cl/options/braid.properties").values())
                    .containsEntry("key", "k");
        } finally {
            System.clearProperty(mount);
        }
    }

    @Test
    void helpIsShownWithoutReadingTheFile() {
        assertThat(Braid.withOptionsFile(new String[] {"fuse", "--options", "absent", "--help"}))
                .containsExactly("fuse", "--options", "absent", "--help");
    }

    private Path write(String text) throws IOException {
        return Files.writeString(directory.resolve("braid.properties"), text);
    }

    private ParseResult parse(String... arguments) {
        List<String> all = new ArrayList<>(List.of(
                "fuse", "--options", directory.resolve("braid.properties").toString()));
        all.addAll(Arrays.asList(arguments));
        return Braid.commandLine()
                .parseArgs(Braid.withOptionsFile(all.toArray(String[]::new)))
                .subcommand();
    }

    private static List<String> assignments(ParseResult parsed, String option) {
        List<Assignment> found = parsed.matchedOptionValue(option, List.of());
        return found.stream().map(Assignment::toString).toList();
    }

    private static String errorOf(String... arguments) {
        StringWriter error = new StringWriter();
        assertThat(Braid.run(arguments, new PrintWriter(new StringWriter()), new PrintWriter(error, true)))
                .isEqualTo(ExitCode.USAGE);
        return error.toString();
    }
}
