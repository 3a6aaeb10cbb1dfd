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
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.TypeConversionException;

/**
 * The command {@code braid}: the main class of the jar, for spark-submit and for the embedded start. Each subcommand is one
 * class. {@link FuseRun} is a run from start to end.
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
    private static final String LOG = "--log";

    @Option(
            names = "--verbose",
            scope = ScopeType.INHERIT,
            description = "Show the stack trace of a failure. Default: its message alone.")
    private boolean verbose;

    @Option(
            names = LOG,
            paramLabel = "FORM",
            scope = ScopeType.INHERIT,
            converter = LogForm.class,
            defaultValue = "text",
            description =
                    "How standard error is written: text, or json: an object per line, of Braid's own lines and of the"
                            + " log on the console. Default: ${DEFAULT-VALUE}.")
    @SuppressWarnings("UnusedVariable") // picocli validates it; logIn has already read it
    private String log;

    private final Messages messages;

    Braid(Messages messages) {
        this.messages = messages;
    }

    Messages messages() {
        return messages;
    }

    /**
     * Runs one command and exits with its code if the code is not 0. A successful run returns normally, because cluster
     * managers treat any explicit exit from main as a failure.
     */
    public static void main(String[] arguments) {
        PrintWriter out = new PrintWriter(new OutputStreamWriter(System.out, StandardCharsets.UTF_8), true);
        PrintWriter error = new PrintWriter(new OutputStreamWriter(System.err, StandardCharsets.UTF_8), true);
        Messages messages = new Messages(error);
        Thread stop = SignalMessage.hook(messages);
        Runtime.getRuntime().addShutdownHook(stop);
        ScratchDirectory.deleteAtExit(System.getProperty("java.io.tmpdir"));
        int code = printed(run(arguments, out, error, messages), out, messages);
        if (SignalMessage.isStopping()) {
            return;
        }
        Runtime.getRuntime().removeShutdownHook(stop);
        if (code != ExitCode.DONE) {
            System.exit(code);
        }
    }

    /**
     * The exit code of a run. A successful run fails here if its report cannot be printed, because of a full disk or a
     * closed pipe.
     */
    static int printed(int code, PrintWriter out, Messages messages) {
        if (code != ExitCode.DONE || !(out.checkError() || System.out.checkError())) {
            return code;
        }
        messages.error(
                "Cannot print the report: expected a standard output that takes it, got one that is full or closed;"
                        + " what the command writes elsewhere is complete");
        return ExitCode.FAILED;
    }

    /**
     * Runs one command in this JVM, in the JVM's Spark session if there is one. Never throws.
     *
     * @param arguments the command's name and its options
     * @param out receives the report
     * @param error receives errors and progress
     * @return the exit code that the process would have: 0 done, 1 failed and may be retried, 2 refused, 3 invalid content
     */
    public static int run(String[] arguments, PrintWriter out, PrintWriter error) {
        return run(arguments, out, error, new Messages(error));
    }

    @SuppressWarnings("try") // the session is only kept open
    private static int run(String[] arguments, PrintWriter out, PrintWriter error, Messages messages) {
        Braid braid = new Braid(messages);
        CommandLine commandLine = commandLine(braid).setOut(out).setErr(error);
        Failure failure = new Failure(messages);
        String name = Arrays.stream(arguments)
                .filter(commandLine.getSubcommands()::containsKey)
                .findFirst()
                .orElse(arguments.length == 0 ? "" : arguments[0]);
        commandLine.setParameterExceptionHandler((exception, given) -> failure.report(exception, Optional.empty()));
        commandLine.setExecutionExceptionHandler((exception, subcommand, parsed) -> SignalMessage.isStopping()
                ? ExitCode.FAILED
                : failure.report(exception, subcommand.getCommandName(), braid.verbose));
        logIn(arguments, messages);
        try (Session onCluster = Session.openOnCluster(name)) {
            String[] all = withOptionsFile(arguments);
            logIn(all, messages);
            return commandLine.execute(all);
        } catch (RuntimeException | Error e) {
            return SignalMessage.isStopping()
                    ? ExitCode.FAILED
                    : failure.report(
                            e,
                            name.matches("[a-z]+") ? name : "start",
                            Arrays.asList(arguments).contains("--verbose"));
        }
    }

    /** Reads {@code --log} before picocli parses the arguments, so that picocli's own errors have the same format. */
    private static void logIn(String[] arguments, Messages messages) {
        for (int i = 0; i < arguments.length; i++) {
            String value = arguments[i].equals(LOG) && i + 1 < arguments.length
                    ? arguments[i + 1]
                    : arguments[i].startsWith(LOG + "=") ? arguments[i].substring(LOG.length() + 1) : "";
            if (value.equals("json")) {
                messages.inJson();
            }
        }
    }

    static CommandLine commandLine() {
        return commandLine(new Braid(new Messages(new PrintWriter(System.err, true, StandardCharsets.UTF_8))));
    }

    static CommandLine commandLine(Braid braid) {
        return new CommandLine(braid).setExpandAtFiles(false).setUsageHelpWidth(100);
    }

    /** The command line, with the options from its {@code --options} file inserted right after the subcommand. */
    static String[] withOptionsFile(String[] arguments) {
        ParseResult subcommand;
        try {
            subcommand = commandLine().parseArgs(arguments).subcommand();
        } catch (ParameterException e) {
            return arguments; // the run reports the error
        }
        String named = subcommand == null ? null : subcommand.matchedOptionValue("--options", (String) null);
        if (named == null || subcommand.isUsageHelpRequested()) {
            return arguments;
        }
        OptionsFile file = OptionsFile.read(named);
        file.checkKeys(subcommand.commandSpec());
        List<String> added = file.argumentsNotSetBy(subcommand);
        added.add(0, subcommand.commandSpec().name());
        try {
            commandLine().parseArgs(added.toArray(String[]::new));
        } catch (ParameterException e) {
            throw new UsageException(Failure.message(e, Optional.of(file.name())));
        }
        List<String> all = new ArrayList<>(Arrays.asList(arguments));
        int command = all.indexOf(added.get(0));
        all.remove(command);
        all.addAll(command, added);
        return all.toArray(String[]::new);
    }

    static final class LogForm implements ITypeConverter<String> {
        @Override
        public String convert(String text) {
            if (!text.equals("text") && !text.equals("json")) {
                throw new TypeConversionException("expected text or json, got '" + text + "'");
            }
            return text;
        }
    }

    /** The version of Braid, from the jar's manifest. */
    static String version() {
        String version = Braid.class.getPackage().getImplementationVersion();
        return version == null ? "(not packaged)" : version;
    }

    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {"braid " + version()};
        }
    }
}
