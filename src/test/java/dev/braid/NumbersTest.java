package dev.braid;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class NumbersTest {
    private static final long MIB = 1 << 20;

    @Test
    void sizesAreRoundedUpAndHaveAUnit() {
        assertThat(Numbers.bytes(1)).isEqualTo("1 KiB");
        assertThat(Numbers.bytes(MIB + 1)).isEqualTo("2 MiB");
        assertThat(Numbers.bytes(512 * MIB)).isEqualTo("512 MiB");
        assertThat(Numbers.bytes(1433 * MIB)).isEqualTo("1.4 GiB");
    }

    @Test
    void countsHaveSeparatorsInReportsAndOneThingIsSingular() {
        assertThat(Numbers.count(1_234_567)).isEqualTo("1,234,567");
        assertThat(Numbers.count(1, "row")).isEqualTo("1 row");
        assertThat(Numbers.count(2000, "row")).isEqualTo("2,000 rows");
        assertThat(Numbers.count(0, "row")).isEqualTo("0 rows");
        assertThat(Numbers.plain(1, "row")).isEqualTo("1 row");
        assertThat(Numbers.plain(2000, "row")).isEqualTo("2000 rows");
    }

    @Test
    void briefNumbersHaveNoNeedlessDigits() {
        assertThat(Numbers.brief(1e-5)).isEqualTo("1e-5");
        assertThat(Numbers.brief(1.5e-7f)).isEqualTo("1.5e-7");
        assertThat(Numbers.brief(0.1)).isEqualTo("0.1");
    }
}
