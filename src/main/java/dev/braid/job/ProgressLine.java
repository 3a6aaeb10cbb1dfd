package dev.braid.job;

import dev.braid.progress.FusionProgress;
import dev.braid.progress.Work;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;

/**
 * Shows the progress of a run on standard error, from start to close: one line updated in place on a terminal, otherwise a
 * new line every ten seconds. The counts change while tasks run or, without {@link dev.braid.spark.FusionPlugin}, when a
 * task ends.
 */
final class ProgressLine implements AutoCloseable {
    private static final Duration TERMINAL_INTERVAL = Duration.ofMillis(500);
    private static final Duration LOG_INTERVAL = Duration.ofSeconds(10);
    private static final String CLEAR_LINE = "\r\u001b[K";

    private final Messages messages;
    private final boolean terminal;
    private final long totalRows;
    private final Supplier<Counts> counts;
    private final long startNanos = System.nanoTime();
    private final ScheduledExecutorService clock = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "progress");
        thread.setDaemon(true);
        return thread;
    });

    /**
     * The progress of a run.
     *
     * @param rows that it has fused
     * @param tokens of these rows
     * @param finishedRows rows that an earlier run had fused; this run spent no time on them
     * @param finishedTokens of those rows
     */
    record Counts(long rows, long tokens, long finishedRows, long finishedTokens) {}

    private ProgressLine(Messages messages, boolean terminal, long totalRows, Supplier<Counts> counts) {
        this.messages = messages;
        this.terminal = terminal;
        this.totalRows = totalRows;
        this.counts = counts;
    }

    /** Starts reporting. Another thread calls {@code progress}. */
    static ProgressLine start(Messages messages, long totalRows, FusionProgress progress) {
        boolean terminal = !messages.isJson() && errorIsTerminal();
        return start(messages, terminal, terminal ? TERMINAL_INTERVAL : LOG_INTERVAL, totalRows, () -> {
            Work now = progress.now();
            return new Counts(now.rows(), now.tokens(), progress.finishedRows(), progress.finishedTokens());
        });
    }

    static ProgressLine start(
            Messages messages, boolean terminal, Duration interval, long totalRows, Supplier<Counts> counts) {
        ProgressLine line = new ProgressLine(messages, terminal, totalRows, counts);
        var unused = line.clock.scheduleAtFixedRate(
                line::print, interval.toMillis(), interval.toMillis(), TimeUnit.MILLISECONDS);
        return line;
    }

    /** Stops, and clears the line on a terminal. */
    @Override
    public void close() {
        clock.shutdownNow();
        try {
            clock.awaitTermination(1, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        if (terminal) {
            rewrite("");
        }
    }

    private void print() {
        if (SignalMessage.isStopping()) {
            return; // SignalMessage prints the last line
        }
        Duration elapsed = Duration.ofNanos(System.nanoTime() - startNanos);
        Counts now = counts.get();
        String text = text(now, totalRows, elapsed);
        if (terminal) {
            rewrite(text);
        } else {
            Map<String, Long> figures = new LinkedHashMap<>();
            figures.put("rows", now.finishedRows() + now.rows());
            figures.put("tokens", now.finishedTokens() + now.tokens());
            figures.put("total", totalRows);
            messages.info(text, figures);
        }
    }

    private void rewrite(String text) {
        messages.terminal().print(CLEAR_LINE + text);
        messages.terminal().flush();
    }

    /**
     * The line for these counts. Rates are those of this run. The remaining time is omitted until this run has fused a row.
     */
    static String text(Counts counts, long totalRows, Duration elapsed) {
        double seconds = Math.max(elapsed.toMillis() / 1e3, 1e-3);
        long done = counts.finishedRows() + counts.rows();
        StringBuilder text = new StringBuilder(String.format(
                Locale.ROOT, "Fusing: %,d of %,d rows (%d %%)", done, totalRows, 100 * done / Math.max(totalRows, 1)));
        if (counts.rows() == 0) {
            return text.append(", ").append(words(elapsed)).toString();
        }
        text.append(String.format(
                Locale.ROOT,
                ", %,d tokens, %,.0f tokens/s",
                counts.finishedTokens() + counts.tokens(),
                counts.tokens() / seconds));
        if (done < totalRows) {
            long left = Math.round(seconds * (totalRows - done) / counts.rows());
            text.append(", ").append(words(Duration.ofSeconds(left))).append(" left");
        } else {
            text.append(", finishing the output");
        }
        return text.toString();
    }

    private static String words(Duration duration) {
        long seconds = duration.toSeconds();
        if (seconds < 60) {
            return seconds + " s";
        }
        if (seconds < 3600) {
            return seconds / 60 + " min " + seconds % 60 + " s";
        }
        return seconds / 3600 + " h " + seconds % 3600 / 60 + " min";
    }

    /**
     * Whether standard error is a terminal, on Linux. {@link System#console()} tells this only about standard input and
     * output.
     */
    private static boolean errorIsTerminal() {
        try {
            String device = Files.readSymbolicLink(Path.of("/proc/self/fd/2")).toString();
            return device.startsWith("/dev/pts/") || device.startsWith("/dev/tty");
        } catch (IOException | UnsupportedOperationException e) {
            return false;
        }
    }
}
