package dev.braid.bench;

import dev.braid.bench.report.Measurement;
import dev.braid.bench.report.Part;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleSupplier;

/**
 * The whole encoder, one thread: Braid, its rivals in each order of rows, and the bare matrix products, in turn in one
 * process. Before anything is timed every contender's output is held against Braid's portable kernels.
 */
final class EncoderPart implements AutoCloseable {
    /** Rows of a batch that is padded in arrival order. */
    private static final int ARRIVAL_ROWS = 32;

    private final EncoderShape shape;
    private final TextLength text;
    private final Effort effort;
    private final Workload workload;
    private final Contender braid;
    private final Contender portable;
    private final List<Entrant> entrants = new ArrayList<>();

    private EncoderPart(EncoderShape shape, TextLength text, Effort effort) {
        this.shape = shape;
        this.text = text;
        this.effort = effort;
        this.workload = Workload.of(shape, text, effort.rows(shape));
        this.braid = BraidContender.onOneDnn(workload.checkpoint());
        this.portable = BraidContender.onNd4j(workload.checkpoint());
    }

    static List<Measurement> measure(Effort effort) {
        List<Measurement> measurements = new ArrayList<>();
        for (EncoderShape shape : effort.shapes()) {
            for (TextLength text : TextLength.values()) {
                System.out.println("# " + shape.label() + " " + text.label());
                try (EncoderPart part = new EncoderPart(shape, text, effort)) {
                    part.enter();
                    part.check();
                    measurements.addAll(part.measure());
                }
            }
        }
        return measurements;
    }

    private void enter() {
        entrants.add(Entrant.packed(braid, workload.rows()));
        if (shape == EncoderShape.II) {
            entrants.add(Entrant.packed(portable, workload.rows()));
        }
        for (String rival : Rivals.NAMES) {
            if (effort.runsArrivalOrder(shape, text)) {
                enter(rival, List.of(new Batching(false, ARRIVAL_ROWS)));
            }
            enter(rival, effort.batchings(shape, text));
        }
    }

    private void enter(String rival, List<Batching> batchings) {
        Rivals.Choice choice = Rivals.fastest(
                rival, workload.checkpoint(), batchings, workload.rows().first(shape.trialRows()));
        String form = text == TextLength.RAGGED ? choice.batching().order() : "";
        entrants.add(Entrant.padded(choice, form, workload.rows()));
    }

    private void check() {
        RowBatch sample = workload.sample();
        try (Contender.Fusing expected = portable.load(sample)) {
            float[] tokens = expected.tokens();
            for (Entrant entrant : entrants) {
                try (Contender.Fusing fused = entrant.contender().load(sample)) {
                    Parity.check(entrant.contender().name(), fused.tokens(), tokens);
                    OneThread.require(entrant.contender().name(), fused);
                }
            }
        }
    }

    private List<Measurement> measure() {
        try (Peak peak = new Peak(workload, effort.kernelSeconds())) {
            List<DoubleSupplier> timed = new ArrayList<>();
            entrants.forEach(entrant -> timed.add(entrant.pass()::seconds));
            timed.add(peak::seconds);
            List<List<Double>> seconds = OneThread.watch(() -> Rounds.run(effort.rounds(shape), timed));
            List<Measurement> measurements = new ArrayList<>();
            for (int e = 0; e < entrants.size(); e++) {
                Entrant entrant = entrants.get(e);
                measurements.add(entrant.measured(Part.ENCODER, shape, text.label(), workload, seconds.get(e)));
            }
            measurements.add(peak.measured(shape, text, workload, seconds.get(entrants.size())));
            return measurements;
        }
    }

    @Override
    public void close() {
        entrants.forEach(Entrant::close);
        braid.close();
        portable.close();
    }
}
