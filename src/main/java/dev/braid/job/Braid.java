package dev.braid.job;

import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.ScopeType;

/**
 * The command {@code braid}: the main class of the jar, for spark-submit and for the embedded start alike. Each
 * subcommand is one class; read {@link FuseCommand#call()} first.
 */
@Command(
        name = "braid",
        description = "Batch fusion of multimodal features on Apache Spark.",
        synopsisSubcommandLabel = "COMMAND",
        scope = ScopeType.INHERIT,
        mixinStandardHelpOptions = true,
        subcommands = {
            FuseCommand.class,
            InspectCommand.class,
            VerifyCommand.class,
            AuditCommand.class,
            PlanCommand.class,
            NeighboursCommand.class
        },
        versionProvider = Braid.Version.class)
public final class Braid {
    @Option(
            names = "--verbose",
            scope = ScopeType.INHERIT,
            description = "Show the stack trace of a failure. Default: its message alone.")
    private boolean verbose;

    /**
     * Runs one command and exits with its code where that is not 0. A good run returns: cluster managers take any exit
     * out of main for a failure.
     */
    public static void main(String[] arguments) {
        PrintWriter out = new PrintWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8), true);
        PrintWriter error = new PrintWriter(new OutputStreamWriter(System.err, StandardCharsets.UTF_8), true);
        Thread stop = Stop.hook(error);
        Runtime.getRuntime().addShutdownHook(stop);
        Scratch.deleteAtExit(System.getProperty("java.io.tmpdir"));
        int code = printed(run(arguments, out, error), out, error);
        if (Stop.requested()) {
            return;
        }
        Runtime.getRuntime().removeShutdownHook(stop);
        if (code != ExitCode.DONE) {
            System.exit(code);
        }
    }

    /** The code of a run, which fails after all if its report is lost, on a full disk or in a pipe that nobody reads. */
    static int printed(int code, PrintWriter out, PrintWriter error) {
        if (code != ExitCode.DONE || !(out.checkError() || System.out.checkError())) {
            return code;
        }
        error.println(
                "Cannot print the report: expected a standard output that takes it, got one that is full or closed;"
                        + " what the command writes elsewhere is complete");
        return ExitCode.FAILED;
    }

    /**
     * Runs one command in this JVM, in its Spark session if there is one; never throws.
     *
     * @param arguments the command's name and its options
     * @param out takes the report
     * @param error takes what is wrong
     * @return the exit code that the process would have: 0 done, 1 failed and may be tried again, 2 refused, 3 wrong content
     */
    @SuppressWarnings("try") // Spark works by being open
    public static int run(String[] arguments, PrintWriter out, PrintWriter error) {
        Braid braid = new Braid();
        CommandLine commandLine = commandLine(braid).setOut(out).setErr(error);
        Failure failure = new Failure(error);
        String name = arguments.length == 0 ? "" : arguments[0];
        commandLine.setParameterExceptionHandler((exception, given) -> failure.report(exception, Optional.empty()));
        commandLine.setExecutionExceptionHandler((exception, subcommand, parsed) -> Stop.requested()
                ? ExitCode.FAILED
                : failure.report(exception, subcommand.getCommandName(), braid.verbose));
        try (Session onCluster = Session.openOnCluster(name)) {
            return commandLine.execute(withOptionsFile(arguments));
        } catch (RuntimeException | Error e) {
            return Stop.requested()
                    ? ExitCode.FAILED
                    : failure.report(
                            e,
                            name.matches("[a-z]+") ? name : "start",
                            Arrays.asList(arguments).contains("--verbose"));
        }
    }

    static CommandLine commandLine(Braid braid) {
        return new CommandLine(braid).setExpandAtFiles(false).setUsageHelpWidth(100);
    }

    /** The command line with what the file behind its {@code --options} adds to it, right behind the subcommand. */
    static String[] withOptionsFile(String[] arguments) {
        ParseResult subcommand;
        try {
            subcommand = commandLine(new Braid()).parseArgs(arguments).subcommand();
        } catch (ParameterException e) {
            return arguments; // The run itself reports it.
        }
        String named = subcommand == null ? null : subcommand.matchedOptionValue("--options", (String) null);
        if (named == null || subcommand.isUsageHelpRequested()) {
            return arguments;
        }
        OptionsFile file = OptionsFile.read(named);
        file.checkKeys(subcommand.commandSpec());
        List<String> added = file.argumentsBeside(subcommand);
        added.add(0, subcommand.commandSpec().name());
        try {
            commandLine(new Braid()).parseArgs(added.toArray(String[]::new));
        } catch (ParameterException e) {
            throw new UsageException(Failure.message(e, Optional.of(file.name())));
        }
        List<String> all = new ArrayList<>(Arrays.asList(arguments));
        int command = all.indexOf(added.get(0));
        all.remove(command);
        all.addAll(command, added);
        return all.toArray(String[]::new);
    }

    /** From the jar's manifest. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            String version = Braid.class.getPackage().getImplementationVersion();
            return new String[] {"braid " + (version == null ? "(not packaged)" : version)};
        }
    }
}
