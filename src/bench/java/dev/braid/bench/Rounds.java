package dev.braid.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleSupplier;

/** Lets contenders run in turn, so that a machine that drifts is the same machine to all of them. */
final class Rounds {
    private Rounds() {}

    /**
     * Runs each of {@code timed} once a round; a round begins with the one behind that which began the last.
     *
     * @return what each returned, one entry per round
     */
    static List<List<Double>> run(int rounds, List<? extends DoubleSupplier> timed) {
        List<List<Double>> seconds = new ArrayList<>();
        timed.forEach(one -> seconds.add(new ArrayList<>()));
        for (int round = 0; round < rounds; round++) {
            for (int turn = 0; turn < timed.size(); turn++) {
                int one = (round + turn) % timed.size();
                seconds.get(one).add(timed.get(one).getAsDouble());
            }
        }
        return seconds;
    }
}
