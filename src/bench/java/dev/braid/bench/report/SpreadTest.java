package dev.braid.bench.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class SpreadTest {

    @Test
    void theMedianIsTheMiddleValueOrTheMeanOfTheTwoInTheMiddle() {
        assertThat(Spread.of(List.of(9.0, 1.0, 2.0))).isEqualTo(new Spread(2, 1, 9));
        assertThat(Spread.of(List.of(9.0, 1.0, 2.0, 4.0))).isEqualTo(new Spread(3, 1, 9));
        assertThat(Spread.of(List.of(5.0))).isEqualTo(new Spread(5, 5, 5));
    }

    @Test
    void ratiosAreThoseOfTheSameRound() {
        // Both contenders became half as fast in the second round.
        assertThat(Spread.ofRatios(List.of(20.0, 10.0), List.of(10.0, 5.0))).isEqualTo(new Spread(2, 2, 2));
    }

    @Test
    void numbersHaveThreeDigitsOrMore() {
        assertThat(new Spread(1.234, 1, 2)).hasToString("1.23 (1.00–2.00)");
        assertThat(new Spread(12.34, 9.99, 20)).hasToString("12.3 (10.0–20.0)");
        assertThat(new Spread(12345, 999, 20000)).hasToString("12,345 (999–20,000)");
    }
}
