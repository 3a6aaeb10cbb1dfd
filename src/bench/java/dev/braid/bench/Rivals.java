package dev.braid.bench;

import dev.braid.bench.report.Measurement;
import dev.braid.checkpoint.Checkpoint;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.function.DoubleSupplier;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** The libraries that Braid is held against, each in the form and with the batches that run fastest on this processor. */
final class Rivals {
    static final List<String> NAMES = List.of(Measurement.LIBTORCH, Measurement.ONNX_RUNTIME);

    private static final int TRIALS = 2;

    private Rivals() {}

    /** A form of a rival and how it takes its rows; {@link #make} it on the thread that uses it. */
    record Choice(Supplier<Contender> form, Batching batching) {
        Contender make() {
            return form.get();
        }
    }

    /**
     * The fastest of all pairs of a form and a batching.
     *
     * @param sample rows enough for the largest batch
     */
    static Choice fastest(String rival, Checkpoint checkpoint, List<Batching> batchings, RowBatch sample) {
        List<Choice> choices = new ArrayList<>();
        List<Contender> contenders = new ArrayList<>();
        List<Pass> passes = new ArrayList<>();
        for (Supplier<Contender> form : forms(rival, checkpoint)) {
            Contender contender = form.get();
            contenders.add(contender);
            for (Batching batching : batchings) {
                choices.add(new Choice(form, batching));
                passes.add(new Pass(contender, batching.cut(sample)));
            }
        }
        List<Double> best =
                Rounds.run(
                                TRIALS,
                                passes.stream()
                                        .map(pass -> (DoubleSupplier) pass::seconds)
                                        .toList())
                        .stream()
                        .map(Collections::min)
                        .toList();
        passes.forEach(Pass::close);
        contenders.forEach(Contender::close);
        int winner = 0;
        for (int c = 0; c < choices.size(); c++) {
            System.out.printf(
                    "# trial: %s, %s, %.0f tokens/s%n",
                    contenders.get(c / batchings.size()).variant(),
                    choices.get(c).batching(),
                    sample.tokens() / best.get(c));
            winner = best.get(c) < best.get(winner) ? c : winner;
        }
        return choices.get(winner);
    }

    /** Every form of a rival. */
    private static List<Supplier<Contender>> forms(String rival, Checkpoint checkpoint) {
        return rival.equals(Measurement.LIBTORCH)
                ? all(TorchLinear.Form.values(), form -> new LibTorch(checkpoint, form))
                : all(OnnxEncoder.Form.values(), form -> new OnnxRuntime(checkpoint, form));
    }

    private static <F> List<Supplier<Contender>> all(F[] forms, Function<F, Contender> contender) {
        Stream<Supplier<Contender>> suppliers = Arrays.stream(forms).map(form -> () -> contender.apply(form));
        return suppliers.toList();
    }
}
