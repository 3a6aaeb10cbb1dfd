package dev.braid.plan;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class MemoryTest {
    private static final long MIB = 1 << 20;

    @Test
    void settingsHaveTheLargestUnitThatGivesAWholeNumber() {
        assertThat(Memory.setting(8192 * MIB)).isEqualTo("8g");
        assertThat(Memory.setting(2560 * MIB)).isEqualTo("2560m");
    }

    @Test
    void sizesAreRoundedUpToAStep() {
        assertThat(Memory.roundUp(257, 256)).isEqualTo(512);
        assertThat(Memory.roundUp(256, 256)).isEqualTo(256);
    }

    @Test
    void aMachineHasItsMemoryOrThatOfItsContainerAndSwap() {
        String meminfo = "MemTotal:       2048 kB\nMemFree: 7 kB\nSwapTotal:      1024 kB\n";
        assertThat(Memory.ofMachine(meminfo, Long.MAX_VALUE)).isEqualTo(3 * MIB);
        assertThat(Memory.ofMachine(meminfo, MIB)).isEqualTo(2 * MIB);
        assertThat(Memory.ofMachine("", Long.MAX_VALUE)).isEqualTo(Long.MAX_VALUE);
        assertThat(Memory.ofMachine()).isBetween(256 * MIB, Long.MAX_VALUE - 1);
    }
}
