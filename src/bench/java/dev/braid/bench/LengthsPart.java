package dev.braid.bench;

import dev.braid.bench.report.Measurement;
import dev.braid.bench.report.Part;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.DoubleSupplier;

/** Braid's time where sequences are, in the mean, shorter or longer next to the longest: it should follow the tokens alone. */
final class LengthsPart {
    private static final EncoderShape SHAPE = EncoderShape.II;
    private static final double[] MEAN_OVER_LONGEST = {0.3, 0.5, 0.7, 1};

    private LengthsPart() {}

    static List<Measurement> measure(Effort effort) {
        List<Workload> workloads = new ArrayList<>();
        List<Entrant> entrants = new ArrayList<>();
        List<DoubleSupplier> timed = new ArrayList<>();
        for (double ratio : MEAN_OVER_LONGEST) {
            Workload workload = Workload.ofMeanLength(SHAPE, ratio, effort.rows(SHAPE));
            Entrant braid = Entrant.packed(BraidContender.onOneDnn(workload.checkpoint()), workload.rows());
            workloads.add(workload);
            entrants.add(braid);
            timed.add(braid.pass()::seconds);
        }
        List<List<Double>> seconds = Rounds.run(effort.rounds(SHAPE), timed);
        List<Measurement> measurements = new ArrayList<>();
        for (int e = 0; e < entrants.size(); e++) {
            String text = String.format(Locale.ROOT, "%.1f", MEAN_OVER_LONGEST[e]);
            measurements.add(entrants.get(e).measured(Part.LENGTHS, SHAPE, text, workloads.get(e), seconds.get(e)));
            entrants.get(e).close();
        }
        return measurements;
    }
}
