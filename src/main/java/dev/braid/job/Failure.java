package dev.braid.job;

import dev.braid.InputException;
import dev.braid.NearestName;
import dev.braid.failure.Diagnosis;
import dev.braid.failure.TransientException;
import dev.braid.publish.OutputExistsException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.OverwrittenOptionException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Reports a failed run: one message on standard error, and an {@link ExitCode}. */
final class Failure {
    private static final int DEEPEST_CAUSE = 64;
    private static final Set<String> SCRIPTS = Set.of("fuse", "inspect", "verify", "audit", "plan");
    private static final Set<Diagnosis.Kind> OF_THE_MACHINE = EnumSet.of(
            Diagnosis.Kind.HEAP, Diagnosis.Kind.NATIVE_MEMORY, Diagnosis.Kind.CONTAINER, Diagnosis.Kind.DISK_FULL);

    private final Messages messages;

    Failure(Messages messages) {
        this.messages = messages;
    }

    /** Reports a command line that cannot be parsed. {@code file} is the options file, if the mistake is in it. */
    int report(ParameterException exception, Optional<String> file) {
        print(message(exception, file));
        print("See '" + typed(exception.getCommandLine().getCommandSpec()) + " --help'");
        return ExitCode.USAGE;
    }

    /** Reports a failed run of {@code command}. Spark may have wrapped the cause, for example if it was thrown in a task. */
    int report(Throwable failure, String command, boolean verbose) {
        if (verbose) {
            StringWriter trace = new StringWriter();
            failure.printStackTrace(new PrintWriter(trace, true));
            messages.error(SafeText.trace(trace.toString()).stripTrailing());
        }
        List<Throwable> causes = causes(failure);
        Diagnosis diagnosis = Diagnosis.of(failure);
        for (Throwable cause : causes) {
            if (cause instanceof UsageException || cause instanceof OutputExistsException) {
                return print(cause.getMessage(), ExitCode.USAGE);
            }
            if (cause instanceof TransientException) {
                return print(cause.getMessage(), ExitCode.FAILED);
            }
            if (cause instanceof InputException && !OF_THE_MACHINE.contains(diagnosis.kind())) {
                return print(
                        cause.getMessage() + diagnosis.nextStep(),
                        diagnosis.isPermanent() ? ExitCode.INPUT : ExitCode.FAILED);
            }
        }
        if (OF_THE_MACHINE.contains(diagnosis.kind())) {
            return print("Cannot " + command + ": " + diagnosis.message(), ExitCode.FAILED);
        }
        if (diagnosis.kind() == Diagnosis.Kind.LIBRARY) {
            return print("Cannot " + command + ": " + diagnosis.message(), ExitCode.INPUT);
        }
        Throwable root = causes.get(causes.size() - 1);
        Optional<String> lost = Session.lost(System.getProperty("spark.master", "local"), root);
        if (lost.isPresent()) {
            return print("Cannot " + command + ": " + lost.get(), ExitCode.FAILED);
        }
        return print(
                "Cannot " + command + ": " + firstLine(root) + (verbose ? "" : "; add --verbose for the stack trace"),
                ExitCode.FAILED);
    }

    private int print(String message, int code) {
        print(message);
        return code;
    }

    private void print(String message) {
        messages.error(SafeText.message(message));
    }

    /** The shell command that starts a command of Braid. */
    private static String typed(CommandSpec command) {
        if (command.parent() == null) {
            return "jobs/braid";
        }
        return SCRIPTS.contains(command.name()) ? "jobs/" + command.name() + ".sh" : "jobs/braid " + command.name();
    }

    private static List<Throwable> causes(Throwable failure) {
        List<Throwable> causes = new ArrayList<>();
        for (Throwable cause = failure; cause != null && causes.size() < DEEPEST_CAUSE; cause = cause.getCause()) {
            causes.add(cause);
        }
        return causes;
    }

    /** The type and the first line of the message, without a full stop at the end. */
    private static String firstLine(Throwable failure) {
        String message = failure.getMessage();
        String type = failure.getClass().getName();
        if (message == null || message.isBlank()) {
            return type;
        }
        String line = message.strip().lines().findFirst().orElseThrow();
        return type + ": " + (line.endsWith(".") ? line.substring(0, line.length() - 1) : line);
    }

    /** picocli's error in the form of Braid's messages. */
    static String message(ParameterException exception, Optional<String> file) {
        String where = file.map(name -> " of options file '" + name + "'").orElse("");
        if (exception.getArgSpec() instanceof OptionSpec option
                && exception.getCause() instanceof TypeConversionException cause) {
            String found = cause.getMessage().startsWith("expected ")
                    ? cause.getMessage()
                    : "expected true or false, got '" + exception.getValue() + "'";
            return "Cannot parse option '" + name(option, file) + "'" + where + ": " + found;
        }
        if (exception instanceof MissingParameterException missing
                && !missing.getMissing().isEmpty()) {
            ArgSpec option = missing.getMissing().get(0);
            String name = option instanceof OptionSpec named ? name(named, file) : option.paramLabel();
            return "Cannot parse option '" + name + "'" + where + ": expected " + option.paramLabel() + ", got nothing";
        }
        if (exception instanceof OverwrittenOptionException twice
                && twice.getOverwritten() instanceof OptionSpec option) {
            return "Cannot parse option '" + name(option, file) + "'" + where + ": expected it once, got it twice";
        }
        if (exception instanceof UnmatchedArgumentException unmatched) {
            return message(
                    unmatched.getUnmatched().get(0), exception.getCommandLine().getCommandSpec());
        }
        CommandSpec command = exception.getCommandLine().getCommandSpec();
        if (!command.subcommands().isEmpty()) {
            return "Cannot parse the command line: expected a command ("
                    + String.join(", ", command.subcommands().keySet()) + "), got none";
        }
        return "Cannot parse the command line: " + exception.getMessage();
    }

    private static String message(String unknown, CommandSpec command) {
        if (unknown.startsWith("-")) {
            String name = unknown.contains("=") ? unknown.substring(0, unknown.indexOf('=')) : unknown;
            List<String> known = new ArrayList<>();
            command.options().forEach(option -> known.add(option.longestName()));
            return "Cannot parse option '" + name + "': expected an option of '" + command.qualifiedName()
                    + "', got an unknown one" + NearestName.hint(name, known);
        }
        if (command.subcommands().isEmpty()) {
            return "Cannot parse argument '" + unknown + "': expected options alone";
        }
        return "Cannot parse command '" + unknown + "': expected one of "
                + String.join(", ", command.subcommands().keySet())
                + NearestName.hint(unknown, command.subcommands().keySet());
    }

    private static String name(OptionSpec option, Optional<String> file) {
        return file.isPresent() ? option.longestName().substring(2) : option.longestName();
    }
}
