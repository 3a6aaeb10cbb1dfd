package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.ml.FusionTransformer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.spark.ml.param.Param;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;

/** {@code conf/braid.properties} beside what {@code braid fuse --help} lists. */
class ConfTest {
    private static final Path FILE = Path.of("conf/braid.properties");
    private static final CommandSpec FUSE =
            Braid.commandLine().getSubcommands().get("fuse").getCommandSpec();

    @Test
    void theFileListsExactlyTheOptionsOfHelp() throws IOException {
        Set<String> inHelp = new TreeSet<>();
        for (OptionSpec option : FUSE.options()) {
            if (OptionsFile.inFile(option)) {
                inHelp.add(option.longestName().substring(2));
            }
        }
        Set<String> inFile = new TreeSet<>();
        for (String key : properties().stringPropertyNames()) {
            assertThat(OptionsFile.option(FUSE, key)).as(key).isNotNull();
            inFile.add(key.replaceFirst("\\..*", ""));
        }

        assertThat(inFile).isEqualTo(inHelp).hasSizeGreaterThan(10);
    }

    @Test
    void theFileGivesTheTrueDefaults() throws IOException {
        Properties properties = properties();
        for (String key : properties.stringPropertyNames()) {
            OptionSpec option = OptionsFile.option(FUSE, key);
            String ofOption = option.defaultValue() != null
                    ? option.defaultValue()
                    : option.arity().max() == 0 ? "false" : "";

            assertThat(properties.getProperty(key)).as(key).isEqualTo(ofOption);
        }
    }

    @Test
    void aCommentStandsAboveEveryOption() throws IOException {
        List<String> lines = Files.readAllLines(FILE);
        String before = "";
        for (int i = 1; i < lines.size(); i++) {
            if (lines.get(i).contains(" =") && !lines.get(i).startsWith("#")) {
                String option = lines.get(i).replaceFirst("[. ].*", "");
                assertThat(lines.get(i - 1).startsWith("# ") || option.equals(before))
                        .as(lines.get(i))
                        .isTrue();
                before = option;
            }
        }
    }

    @Test
    void everyOptionSaysItsDefaultOrThatItIsRequired() {
        for (OptionSpec option : FUSE.options()) {
            if (OptionsFile.inFile(option) && !option.longestName().equals("--features")) {
                assertThat(String.join(" ", option.description()))
                        .as(option.longestName())
                        .containsAnyOf("Required", "Default: ");
            }
        }
    }

    /** Of a parameter that has a default: unless it is "vectors", whose default is Spark ML's own kind. */
    @Test
    void theParametersOfAPipelinesStageAreOptionsWithTheSameDefaults() {
        FusionTransformer stage = new FusionTransformer();
        assertThat(stage.params()).hasSizeGreaterThan(10);
        for (Param<?> param : stage.params()) {
            OptionSpec option = FUSE.findOption(
                    "--" + param.name().replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT));
            assertThat(option).as(param.name()).isNotNull();
            if (stage.hasDefault(param) && !param.name().equals("vectors")) {
                Object value = stage.getOrDefault((Param<?>) param);
                String text = value instanceof String[] many ? String.join(",", many) : String.valueOf(value);
                String expected = option.defaultValue() != null
                        ? option.defaultValue()
                        : option.arity().max() == 0 ? "false" : "";
                assertThat(text.equals("1.0E-4") ? "1e-4" : text)
                        .as(param.name())
                        .isEqualTo(expected);
            }
        }
    }

    /** But for those that Spark's own writer reads, whose values are Spark's. */
    @Test
    void theFileOfSparksSettingsNamesWhatTheCodeSets() throws IOException {
        String file = Files.readString(Path.of("conf/spark-defaults.conf"));
        Path spark = Path.of("src/main/java/dev/braid/tables");
        String code = (Files.readString(spark.resolve("SparkSettings.java"))
                        + Files.readString(spark.resolve("WriterSettings.java")))
                .replaceFirst("(?s)WRITER = List.of\\(.*?\\);", "");

        assertThat(Pattern.compile("\"((?:spark\\.sql|parquet)\\.[\\w.]+\\w)\"")
                        .matcher(code)
                        .results())
                .hasSizeGreaterThan(10)
                .allSatisfy(setting -> assertThat(file).contains(setting.group(1)));
    }

    @Test
    void theFileAsItIsChangesNothing() {
        String[] arguments = {"fuse", "--options", FILE.toString(), "--model", "m"};

        CommandLine given = Braid.commandLine();
        given.parseArgs("fuse", "--model", "m");
        CommandLine withFile = Braid.commandLine();
        withFile.parseArgs(Braid.withOptionsFile(arguments));

        for (OptionSpec option : FUSE.options()) {
            if (OptionsFile.inFile(option)) {
                assertThat(value(withFile, option)).as(option.longestName()).isEqualTo(value(given, option));
            }
        }
    }

    private static Object value(CommandLine commandLine, OptionSpec option) {
        return commandLine
                .getSubcommands()
                .get("fuse")
                .getCommandSpec()
                .findOption(option.longestName())
                .getValue();
    }

    private static Properties properties() throws IOException {
        Properties properties = new Properties();
        try (var reader = Files.newBufferedReader(FILE)) {
            properties.load(reader);
        }
        return properties;
    }
}
