package dev.braid.bench;

import dev.braid.bench.report.Measurement;
import dev.braid.bench.report.Part;
import java.util.List;

/**
 * A contender with its inputs ready.
 *
 * @param contender closed with this, unless it is shared: then by who made it
 * @param form how its rows come
 * @param variant what it chose for itself
 * @param pass over all rows
 */
record Entrant(Contender contender, String form, String variant, Pass pass) implements AutoCloseable {

    /** Braid, which takes rows as they are. */
    static Entrant packed(Contender braid, RowBatch rows) {
        return new Entrant(braid, Measurement.PACKED, braid.variant(), new Pass(braid, List.of(rows)));
    }

    /** A rival in its own choice of form and batches. */
    static Entrant padded(Rivals.Choice choice, String form, RowBatch rows) {
        Contender rival = choice.make();
        return new Entrant(
                rival,
                form,
                rival.variant() + ", batches of " + choice.batching().rows(),
                new Pass(rival, choice.batching().cut(rows)));
    }

    Measurement measured(Part part, EncoderShape shape, String text, Workload workload, List<Double> seconds) {
        return new Measurement(
                part.toString(),
                shape.label(),
                text,
                form,
                contender.name(),
                variant,
                workload.rows().rows(),
                workload.rows().tokens(),
                workload.flops(),
                seconds);
    }

    @Override
    public void close() {
        pass.close();
        if (!contender.isShared()) {
            contender.close();
        }
    }
}
