package dev.braid.bench;

import dev.braid.bench.report.Measurement;
import dev.braid.bench.report.Part;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.function.DoubleSupplier;
import java.util.function.Supplier;

/** Two task slots of one thread each next to one: Braid with shared weights, as in an executor, its rivals twice. */
final class SlotsPart implements AutoCloseable {
    private final EncoderShape shape;
    private final TextLength text;
    private final Effort effort;
    private final Workload workload;
    private final Contender braid;
    private final List<Slot> slots = new ArrayList<>();

    private SlotsPart(EncoderShape shape, TextLength text, Effort effort) {
        this.shape = shape;
        this.text = text;
        this.effort = effort;
        this.workload = Workload.of(shape, text, effort.rows(shape));
        this.braid = BraidContender.onOneDnn(workload.checkpoint());
    }

    static List<Measurement> measure(Effort effort) {
        List<Measurement> measurements = new ArrayList<>();
        for (EncoderShape shape : effort.shapes()) {
            for (TextLength text : TextLength.values()) {
                System.out.println("# slots: " + shape.label() + " " + text.label());
                try (SlotsPart part = new SlotsPart(shape, text, effort)) {
                    measurements.addAll(part.measure());
                }
            }
        }
        return measurements;
    }

    private List<Measurement> measure() {
        enter(() -> Entrant.packed(braid, workload.rows()));
        for (String rival : Rivals.NAMES) {
            Rivals.Choice choice = Rivals.fastest(
                    rival,
                    workload.checkpoint(),
                    effort.batchings(shape, text),
                    workload.rows().first(shape.trialRows()));
            enter(() -> Entrant.padded(choice, "", workload.rows()));
        }
        List<DoubleSupplier> timed = new ArrayList<>();
        for (int s = 0; s < slots.size(); s += 2) {
            Slot one = slots.get(s);
            Slot two = slots.get(s + 1);
            timed.add(() -> seconds(List.of(one)));
            timed.add(() -> seconds(List.of(one, two)));
        }
        List<List<Double>> seconds = Rounds.run(effort.rounds(shape), timed);
        List<Measurement> measurements = new ArrayList<>();
        for (int s = 0; s < slots.size(); s++) {
            measurements.add(measured(slots.get(s).entrant(), 1 + s % 2, seconds.get(s)));
        }
        return measurements;
    }

    private void enter(Supplier<Entrant> entrant) {
        slots.add(new Slot(entrant));
        slots.add(new Slot(entrant));
    }

    /** Until the last slot is through with its rows. */
    private static double seconds(List<Slot> slots) {
        long start = System.nanoTime();
        List<Future<Double>> passes = slots.stream().map(Slot::start).toList();
        passes.forEach(Slot::wait);
        return (System.nanoTime() - start) * 1e-9;
    }

    private Measurement measured(Entrant entrant, int count, List<Double> seconds) {
        return new Measurement(
                Part.SLOTS.toString(),
                shape.label(),
                text.label(),
                count == 1 ? Measurement.ONE_SLOT : Measurement.TWO_SLOTS,
                entrant.contender().name(),
                entrant.variant(),
                (long) count * workload.rows().rows(),
                (long) count * workload.rows().tokens(),
                count * workload.flops(),
                seconds);
    }

    @Override
    public void close() {
        slots.forEach(Slot::close);
        braid.close();
    }
}
