package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CommandLineTest {
    private static final String[] GOOD = {"fuse", "--model", "m", "--paired", "p", "--key", "k", "--output", "o"};

    private final StringWriter out = new StringWriter();
    private final StringWriter error = new StringWriter();

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            --modle x            | Cannot parse option '--modle': expected an option of 'braid fuse', got an unknown one; the nearest is '--model'
            --overwite=true      | Cannot parse option '--overwite': expected an option of 'braid fuse', got an unknown one; the nearest is '--overwrite'
            stray                | Cannot parse argument 'stray': expected options alone
            --key other          | Cannot parse option '--key': expected it once, got it twice
            --max-tokens many    | Cannot parse option '--max-tokens': expected a whole number from 1 to 2147483647, got 'many'
            --max-tokens 0       | Cannot parse option '--max-tokens': expected a whole number from 1 to 2147483647, got '0'
            --output-files 0     | Cannot parse option '--output-files': expected a whole number from 1 to 2147483647, got '0'
            --partitions 3e9     | Cannot parse option '--partitions': expected a whole number from 1 to 2147483647, got '3e9'
            --partitions         | Cannot parse option '--partitions': expected N, got nothing
            --options --verbose  | Cannot parse option '--options': expected FILE, got nothing
            --overwrite=perhaps  | Cannot parse option '--overwrite': expected true or false, got 'perhaps'
            --column visual      | Cannot parse option '--column': expected MODALITY=VALUE, got 'visual'
            --column =v          | Cannot parse option '--column': expected MODALITY=VALUE, got '=v'
            --dtype text=int8    | Cannot parse option '--dtype': expected float32, float64, float16 or bfloat16, got 'int8'
            --pooling sum        | Cannot parse option '--pooling': expected none, cls, mean, max, last, pooler, got 'sum'
            --emit pooled,all    | Cannot parse option '--emit': expected pooled, tokens, attention, attention-by-layer, got 'all'
            --precision fp16     | Cannot parse option '--precision': expected fp32, bf16, int8, got 'fp16'
            --table-mode swap    | Cannot parse option '--table-mode': expected append or replace, got 'swap'
            --tolerance 0        | Cannot parse option '--tolerance': expected a positive number, got '0'
            --tolerance close    | Cannot parse option '--tolerance': expected a positive number, got 'close'
            --on-bad-row skip    | Cannot parse option '--on-bad-row': expected fail or quarantine, got 'skip'
            --on-missing-modality x | Cannot parse option '--on-missing-modality': expected fail, quarantine, fuse-rest, got 'x'
            --max-bad-rows few   | Cannot parse option '--max-bad-rows': expected a number of rows such as 100, or a percentage from 0% to 100%, got 'few'
            --dtype text=        | Cannot parse option '--dtype': expected MODALITY=VALUE, got 'text='
            """)
    void saysWhatIsWrongWithAnOptionAndHowToSeeThemAll(String mistake, String message) {
        List<String> arguments = new ArrayList<>(Arrays.asList(GOOD));
        arguments.addAll(Arrays.asList(mistake.split(" ")));

        assertThat(run(arguments.toArray(String[]::new))).isEqualTo(ExitCode.USAGE);
        assertThat(error).hasToString(message + "\nSee 'jobs/fuse.sh --help'\n");
        assertThat(out.toString()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            --paired p                                                 | Cannot fuse: expected '--model', '--key', '--output' (required), got none
            --paired p --key k --output o --model=                     | Cannot fuse: expected '--model' (required), got none
            --model m --key k --output o                               | Cannot fuse: expected '--paired' (one table) or '--features' (a table per modality), got neither
            --model m --key k --output o --paired p --features a=b     | Cannot fuse: expected '--paired' (one table) or '--features' (a table per modality), got both
            --model m --key k --output o --features a=b --features a=c | Cannot parse option '--features': expected modality 'a' once, got 'b' and 'c'
            --model m --key k --output o --paired p --column a=b --column a=b | Cannot parse option '--column': expected modality 'a' once, got 'b' and 'b'
            --model m --key k --output o --paired p --dtype a=float32 --dtype a=float16 | Cannot parse option '--dtype': expected modality 'a' once, got 'float32' and 'float16'
            --model m --key k --output o --paired p --mask a=b --mask a=c | Cannot parse option '--mask': expected modality 'a' once, got 'b' and 'c'
            --model m --key k --output o --paired p --length a=b --length a=c | Cannot parse option '--length': expected modality 'a' once, got 'b' and 'c'
            --model m --key k --output o --paired p --pooling none | Cannot fuse: expected '--emit tokens' or another '--pooling', got '--pooling none' and pooled vectors to write
            --model m --key k --output o --paired p --max-bad-rows 5% | Cannot fuse: expected '--max-bad-rows' with '--on-bad-row quarantine' or '--on-missing-modality quarantine', got '--max-bad-rows 5%' and neither
            --model m --key k --output o --paired p --output-table t --update | Cannot fuse: expected '--output-table' without '--update' (a table takes all rows of a run), got both
            --model m --key k --output o --paired p --output-table t --partition-by d | Cannot fuse: expected '--output-table' without '--partition-by' (a table takes all rows of a run), got both
            --model m --key k --output o --paired p --mask a=b --mask c=d --length a=b | Cannot select tokens: expected '--mask' or '--length' for modality 'a', got both
            """)
    void saysWhichOptionsAreMissingOrExcludeEachOther(String arguments, String message) {
        assertThat(run(("fuse " + arguments).split(" "))).isEqualTo(ExitCode.USAGE);
        assertThat(error).hasToString(message + "\n");
    }

    @Test
    void namesTheCommandsWhereNoneOrAnUnknownOneIsGiven() {
        assertThat(run()).isEqualTo(ExitCode.USAGE);
        assertThat(error.toString().lines())
                .containsExactly(
                        "Cannot parse the command line: expected a command (fuse, inspect, verify, audit, plan, neighbours), got none",
                        "See 'jobs/braid --help'");

        error.getBuffer().setLength(0);
        assertThat(run("fues")).isEqualTo(ExitCode.USAGE);
        assertThat(error.toString().lines())
                .containsExactly(
                        "Cannot parse command 'fues': expected one of fuse, inspect, verify, audit, plan, neighbours; the nearest is 'fuse'",
                        "See 'jobs/braid --help'");
    }

    @Test
    void helpListsOptionsDefaultsExitCodesAndExamplesOnStandardOutput() {
        assertThat(run("fuse", "--help")).isEqualTo(ExitCode.DONE);
        assertThat(out.toString())
                .startsWith("Usage: jobs/fuse.sh [SPARK... --] --model DIR --paired TABLE")
                .contains("Default: 4096.", "Default: pooled.", "Exit codes:", "  3  a table, the model or a setting")
                .contains("Examples:", "jobs/fuse.sh --model model --paired pairs.parquet --key id --output fused")
                .contains("--max-bad-rows=N|P% ")
                .doesNotContain("${", "%%");
        assertThat(out.toString().lines()).allMatch(line -> line.length() <= 100);
        assertThat(error.toString()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"fuse", "inspect", "verify", "audit", "plan", "neighbours"})
    void helpSaysWhatOneTypesAndHasExamples(String command) {
        assertThat(run(command, "--help")).isEqualTo(ExitCode.DONE);
        assertThat(out.toString())
                .startsWith("Usage: jobs/")
                .containsPattern("Examples?:\\R  jobs/(braid )?" + command)
                .doesNotContain("braid fuse");
        assertThat(out.toString().lines()).allMatch(line -> line.length() <= 100);
    }

    @Test
    void helpAndVersionAreAnsweredByTheCommandItselfToo() {
        assertThat(run("--help")).isEqualTo(ExitCode.DONE);
        assertThat(out.toString()).contains("fuse", "neighbours");
        assertThat(run("--version")).isEqualTo(ExitCode.DONE);
        assertThat(out.toString()).contains("braid (not packaged)");
    }

    @Test
    void anArgumentThatStartsWithAnAtSignIsNoFileOfArguments() {
        var parsed = Braid.commandLine().parseArgs("fuse", "--key", "@k").subcommand();

        assertThat(parsed.matchedOptionValue("--key", "")).isEqualTo("@k");
    }

    private int run(String... arguments) {
        return Braid.run(arguments, new PrintWriter(out, true), new PrintWriter(error, true));
    }
}
