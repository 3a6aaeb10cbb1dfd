package dev.braid.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.braid.tensor.Activation;
import org.junit.jupiter.api.Test;

class FloatMathTest {

    @Test
    void theExponentialIsThatOfDouble() {
        double worst = 0;
        for (int i = -87_300; i <= 88_300; i++) {
            float x = i / 1000f;
            double expected = Math.exp(x);
            worst = Math.max(worst, Math.abs(FloatMath.exp(x) - expected) / expected);
        }
        assertThat(worst).isLessThan(2e-7);
        assertThat(FloatMath.exp(0f)).isEqualTo(1f);
    }

    @Test
    void theExponentialIsHeldAtItsEnds() {
        assertThat(FloatMath.exp(-1e30f)).isPositive().isLessThan(1.3e-38f);
        assertThat(FloatMath.exp(Float.NEGATIVE_INFINITY)).isPositive().isLessThan(1.3e-38f);
        assertThat(FloatMath.exp(1e30f)).isFinite().isGreaterThan(2e38f);
        assertThat(FloatMath.exp(Float.NaN)).isNaN();
    }

    @Test
    void bothKindsOfGeluAndSiluAreThoseOfDouble() {
        for (int i = -60_000; i <= 60_000; i++) {
            float x = i / 2000f;
            double limit = 5e-7 * Math.max(1, Math.abs(x));
            assertThat((double) FloatMath.gelu(x))
                    .as("gelu(%s)", x)
                    .isCloseTo(ScalarReference.activate(x, Activation.GELU), within(limit));
            assertThat((double) FloatMath.geluTanh(x))
                    .as("geluTanh(%s)", x)
                    .isCloseTo(ScalarReference.activate(x, Activation.GELU_TANH), within(limit));
            assertThat((double) FloatMath.silu(x))
                    .as("silu(%s)", x)
                    .isCloseTo(ScalarReference.activate(x, Activation.SILU), within(limit));
        }
    }
}
