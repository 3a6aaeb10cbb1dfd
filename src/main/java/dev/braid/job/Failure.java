package dev.braid.job;

import dev.braid.InputException;
import dev.braid.checkpoint.NearestName;
import dev.braid.spark.OutputExistsException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.OverwrittenOptionException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;
import picocli.CommandLine.UnmatchedArgumentException;

/** How a run that did not work out ends: one message on standard error, and an {@link ExitCode}. */
final class Failure {
    private static final int DEEPEST_CAUSE = 64;

    private final PrintWriter error;

    Failure(PrintWriter error) {
        this.error = error;
    }

    /** A command line that cannot be parsed; {@code file} is the options file that holds the mistake, if one does. */
    int report(ParameterException exception, Optional<String> file) {
        error.println(message(exception, file));
        String command = exception.getCommandLine().getCommandSpec().qualifiedName();
        error.println("See 'jobs/" + command + " --help'");
        return ExitCode.USAGE;
    }

    /** A run of {@code command} that failed; Spark may have wrapped the reason, out of a task too. */
    int report(Throwable failure, String command, boolean verbose) {
        if (verbose) {
            failure.printStackTrace(error);
        }
        List<Throwable> causes = causes(failure);
        for (Throwable cause : causes) {
            if (cause instanceof UsageException || cause instanceof OutputExistsException) {
                error.println(cause.getMessage());
                return ExitCode.USAGE;
            }
            if (cause instanceof InputException) {
                error.println(cause.getMessage());
                return ExitCode.INPUT;
            }
        }
        error.println("Cannot " + command + ": " + firstLine(causes.get(causes.size() - 1))
                + (verbose ? "" : "; add --verbose for the stack trace"));
        return ExitCode.FAILED;
    }

    private static List<Throwable> causes(Throwable failure) {
        List<Throwable> causes = new ArrayList<>();
        for (Throwable cause = failure; cause != null && causes.size() < DEEPEST_CAUSE; cause = cause.getCause()) {
            causes.add(cause);
        }
        return causes;
    }

    /** Type and message, without what follows the first line or its full stop. */
    private static String firstLine(Throwable failure) {
        String message = failure.getMessage();
        String type = failure.getClass().getName();
        if (message == null || message.isBlank()) {
            return type;
        }
        String line = message.strip().lines().findFirst().orElseThrow();
        return type + ": " + (line.endsWith(".") ? line.substring(0, line.length() - 1) : line);
    }

    /** What picocli found, in the words of this program. */
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
