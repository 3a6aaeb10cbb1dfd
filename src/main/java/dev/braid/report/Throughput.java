package dev.braid.report;

import dev.braid.progress.TaskSpan;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/** Throughput over time. The tokens and rows of each task are spread evenly over the task's duration. */
final class Throughput {
    private static final int BINS = 60;

    private final double[] tokens = new double[BINS];
    private final double[] rows = new double[BINS];
    private final double[] tasks = new double[BINS];
    private final double width;
    private double begun = Double.MAX_VALUE;
    private double ended;

    /**
     * An interval of the run.
     *
     * @param from seconds since the run began
     * @param tokens per second
     * @param rows per second
     * @param tasks the mean number of running tasks
     */
    record Bin(double from, double to, double tokens, double rows, double tasks) {}

    /** @param seconds the duration of the run */
    Throughput(List<TaskSpan> spans, Instant started, double seconds) {
        this.width = seconds / BINS;
        for (TaskSpan span : spans) {
            double from = Math.max(0, Math.min((span.begunMillis() - started.toEpochMilli()) / 1e3, seconds - 1e-3));
            double to = Math.max(from + 1e-3, Math.min((span.endedMillis() - started.toEpochMilli()) / 1e3, seconds));
            begun = Math.min(begun, from);
            ended = Math.max(ended, to);
            for (int bin = (int) (from / width); bin < BINS && bin * width < to; bin++) {
                double overlap = Math.min(to, (bin + 1) * width) - Math.max(from, bin * width);
                tokens[bin] += span.tokens() * overlap / (to - from);
                rows[bin] += span.rows() * overlap / (to - from);
                tasks[bin] += overlap;
            }
        }
    }

    /** The start of the first task, in seconds since the run began. */
    double begun() {
        return begun;
    }

    /** The end of the last task, in seconds since the run began. */
    double ended() {
        return ended;
    }

    List<Bin> bins() {
        List<Bin> bins = new ArrayList<>();
        for (int bin = 0; bin < BINS; bin++) {
            bins.add(new Bin(
                    bin * width, (bin + 1) * width, tokens[bin] / width, rows[bin] / width, tasks[bin] / width));
        }
        return bins;
    }
}
