package dev.braid.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.bytedeco.javacpp.FloatPointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PeakTest {

    @ParameterizedTest
    @ValueSource(ints = {5, 128, 256, 389})
    void allTokensGoThroughTheProducts(int tokens) {
        long through = Peak.Product.parse("48,7," + tokens)
                .mapToLong(product -> product.tokens * product.times)
                .sum();
        assertThat(through).isEqualTo(tokens);
    }

    @Test
    void theProductIsThatOfTheTransposedWeight() {
        Peak.Product product = new Peak.Product(5, 48, 7, 2);
        product.run();
        FloatPointer x = Peak.Product.floats(product.x);
        FloatPointer weight = Peak.Product.floats(product.weight);
        for (int row = 0; row < 5; row++) {
            for (int column = 0; column < 7; column++) {
                double expected = 0;
                for (int k = 0; k < 48; k++) {
                    expected += x.get(row * 48 + k) * weight.get(column * 48 + k);
                }
                assertThat(Peak.Product.floats(product.out).get(row * 7 + column))
                        .isCloseTo((float) expected, within(1e-4f));
            }
        }
    }
}
