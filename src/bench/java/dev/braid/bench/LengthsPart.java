package dev.braid.bench;

import dev.braid.bench.report.Measurement;
import dev.braid.bench.report.Part;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.DoubleSupplier;

/** Braid's time where sequences are, in the mean, shorter or longer next to the longest: it should follow the tokens alone. */
final class LengthsPart {
    private static final EncoderShape SHAPE = EncoderShape.II;
    private static final double[] MEAN_OVER_LONGEST = {0.3, 0.5, 0.7, 1};

    private LengthsPart() {}

    static List<Measurement> measure(Effort effort) {
        List<Workload> workloads = Arrays.stream(MEAN_OVER_LONGEST)
                .mapToObj(ratio -> Workload.ofMeanLength(SHAPE, ratio, effort.rows(SHAPE)))
                .toList();
        try (Contender braid = BraidContender.onOneDnn(workloads.get(0).checkpoint())) {
            List<Entrant> entrants = workloads.stream()
                    .map(workload -> Entrant.packed(braid, workload.rows()))
                    .toList();
            List<List<Double>> seconds = Rounds.run(
                    effort.rounds(SHAPE),
                    entrants.stream()
                            .map(entrant -> (DoubleSupplier) entrant.pass()::seconds)
                            .toList());
            List<Measurement> measurements = new ArrayList<>();
            for (int e = 0; e < entrants.size(); e++) {
                String text = String.format(Locale.ROOT, "%.1f", MEAN_OVER_LONGEST[e]);
                measurements.add(entrants.get(e).measured(Part.LENGTHS, SHAPE, text, workloads.get(e), seconds.get(e)));
                entrants.get(e).close();
            }
            return measurements;
        }
    }
}
