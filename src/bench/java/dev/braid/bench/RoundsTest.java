package dev.braid.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleSupplier;
import org.junit.jupiter.api.Test;

class RoundsTest {

    @Test
    void eachRunsOnceARoundAndEachBeginsInTurn() {
        List<String> order = new ArrayList<>();
        List<List<Double>> seconds = Rounds.run(3, List.of(timed("a", 1, order), timed("b", 2, order)));
        assertThat(order).containsExactly("a", "b", "b", "a", "a", "b");
        assertThat(seconds).containsExactly(List.of(1.0, 1.0, 1.0), List.of(2.0, 2.0, 2.0));
    }

    private static DoubleSupplier timed(String name, double seconds, List<String> order) {
        return () -> {
            order.add(name);
            return seconds;
        };
    }
}
