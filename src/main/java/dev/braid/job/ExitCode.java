package dev.braid.job;

/** What a start ends with; src/docs/options.md lists them. A signal ends the JVM with 128 and its number, after the line of {@link Stop}. */
final class ExitCode {
    static final int DONE = 0;

    /** Storage, network, memory, a full disk, a report that cannot be printed, or a fault of this program: a second try may help. */
    static final int FAILED = 1;

    /** The command line or the options file cannot be parsed, or the output exists. */
    static final int USAGE = 2;

    /** Anything that a path, table or model holds or lacks: a second try cannot help. */
    static final int INPUT = 3;

    private ExitCode() {}
}
