package dev.braid.progress;

import java.io.IOException;
import java.io.ObjectOutputStream;
import org.apache.spark.util.AccumulatorV2;

/** Adds up the {@link Figures} of tasks on the driver. An executor's heartbeat may read it while its task adds to it. */
final class FiguresAccumulator extends AccumulatorV2<Figures, Figures> {
    private static final long serialVersionUID = 1L;

    private Figures figures = new Figures();

    @Override
    public synchronized boolean isZero() {
        return figures.spans().isEmpty();
    }

    @Override
    public synchronized AccumulatorV2<Figures, Figures> copy() {
        FiguresAccumulator copy = new FiguresAccumulator();
        copy.figures.add(figures);
        return copy;
    }

    @Override
    public synchronized void reset() {
        figures = new Figures();
    }

    @Override
    public synchronized void add(Figures ofTask) {
        figures.add(ofTask);
    }

    @Override
    public void merge(AccumulatorV2<Figures, Figures> other) {
        Figures added = other.value();
        synchronized (this) {
            figures.add(added);
        }
    }

    /** A copy, which later additions do not change. */
    @Override
    public synchronized Figures value() {
        Figures copy = new Figures();
        copy.add(figures);
        return copy;
    }

    private synchronized void writeObject(ObjectOutputStream out) throws IOException {
        out.defaultWriteObject();
    }
}
