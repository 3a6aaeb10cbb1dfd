package dev.braid.bench;

import java.util.List;

/** One contender's way through all rows of a workload, batch after batch: the same rows for every contender. */
final class Pass implements AutoCloseable {
    private final List<Contender.Fusing> batches;

    Pass(Contender contender, List<RowBatch> batches) {
        this.batches = batches.stream().map(contender::load).toList();
    }

    /** Goes through the rows once; the seconds it took. */
    double seconds() {
        long start = Clock.CHOSEN.nanoseconds();
        batches.forEach(Contender.Fusing::run);
        return (Clock.CHOSEN.nanoseconds() - start) * 1e-9;
    }

    @Override
    public void close() {
        batches.forEach(Contender.Fusing::close);
    }
}
