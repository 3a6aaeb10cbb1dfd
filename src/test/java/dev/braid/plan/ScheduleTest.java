package dev.braid.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** 96 hours of one slot, executors of 8 cores with 4 slots of 2. */
class ScheduleTest {
    private static final Schedule WORK = new Schedule(96 * 3600, 4, 8, 1000);

    @Test
    void hoursFallWithTheNumberOfExecutors() {
        assertThat(WORK.slotHours()).isEqualTo(96);
        assertThat(WORK.hours(1)).isEqualTo(24);
        assertThat(WORK.hours(6)).isEqualTo(4);
        assertThat(WORK.coreHours(1)).isEqualTo(192);
        assertThat(WORK.coreHours(6)).isEqualTo(192);
    }

    @Test
    void theFewestExecutorsThatFinishInTimeAreAskedFor() {
        assertThat(WORK.executors(Duration.ofHours(6))).hasValue(4);
        assertThat(WORK.executors(Duration.ofHours(5))).hasValue(5); // 19.2 slots
        assertThat(WORK.executors(Duration.ofHours(500))).hasValue(1);
    }

    @Test
    void moreSlotsThanTasksAreOfNoUse() {
        Schedule few = new Schedule(96 * 3600, 4, 8, 10);
        assertThat(few.hours(100)).isCloseTo(9.6, within(1e-9));
        assertThat(few.executors(Duration.ofHours(10))).hasValue(3);
        assertThat(few.executors(Duration.ofHours(9))).isEmpty();
        assertThat(few.coreHours(3)).isCloseTo(9.6 * 24, within(1e-9)); // idle slots are paid for too
    }
}
