package dev.braid.job;

/**
 * The exit codes; src/docs/troubleshooting.md explains them. After a signal, the JVM prints the line of {@link
 * SignalMessage} and exits with 128 plus the signal's number.
 */
final class ExitCode {
    static final int DONE = 0;

    /** Storage, network, memory, a full disk, a report that cannot be printed, or a bug in Braid: a retry may help. */
    static final int FAILED = 1;

    /** The command line or the options file is wrong, or the output, another run or {@code --output-table} forbids the run. */
    static final int USAGE = 2;

    /** The content of a path, table or model is wrong or missing, or the memory is too small: a retry cannot help. */
    static final int INPUT = 3;

    private ExitCode() {}
}
