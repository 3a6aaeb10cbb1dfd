package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.plan.EncoderRate;
import dev.braid.plan.Schedule;
import java.time.Duration;
import java.time.LocalDateTime;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PlanOptionsTest {
    private static final LocalDateTime EVENING = LocalDateTime.of(2026, 11, 26, 22, 30);

    @ParameterizedTest
    @CsvSource({"90m, 90", "6h, 360", "1.5h, 90", "2d, 2880", "06:00, 450", "6:00, 450", "23:00, 30", "22:30, 1440"})
    void aDeadlineIsADurationOrTheNextTimeOfDay(String text, int minutes) {
        assertThat(Deadline.parse(text, EVENING)).isEqualTo(new Deadline(text, Duration.ofMinutes(minutes)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"6", "0h", "-1h", "24:00", "6:0", "6hours", "6s", "h", ""})
    void anyOtherTextIsNoDeadline(String text) {
        assertThat(Deadline.parse(text, EVENING)).isNull();
    }

    @Test
    void aRateIsOfRowsOrOfTokens() {
        Rate.Form form = new Rate.Form();
        assertThat(form.convert("300").seconds(9000, 80)).isEqualTo(30);
        assertThat(form.convert("300rows").seconds(9000, 80)).isEqualTo(30);
        assertThat(form.convert("24000 tokens").seconds(9000, 80)).isEqualTo(30);
        assertThat(Rate.measured(new EncoderRate(32_000, 2, 1, "x")).seconds(9000, 80))
                .isEqualTo(30);
        assertThat(Rate.measured(new EncoderRate(64_000, 2, 2, "x")).seconds(9000, 80))
                .isEqualTo(15);
        assertThat(Rate.measured(new EncoderRate(512_000, 1, 16, "x")).seconds(9000, 80))
                .as("one thread reads and writes for sixteen")
                .isEqualTo(7.5);
        assertThat(Rate.measured(new EncoderRate(32_000, 2, 1, "Z80")))
                .hasToString(
                        "24,000 tokens/s a slot, 75 % of the encoder's rate measured here (Z80, 2 slots at once); the"
                                + " rest of the time is for reading and writing");
    }

    @Test
    void aScheduleSaysHowManyExecutorsFinishInTimeAndWhatTheyCost() {
        Schedule work = new Schedule(96 * 3600, 4, 8, 1000);
        Rate rate = new Rate.Form().convert("300");
        assertThat(new ScheduleReport(work, rate, false, 1, Deadline.parse("6h", EVENING), 0.05))
                .hasToString("""
                        rate       300 rows/s a slot, as given (--rate)
                        work       96.0 hours of one slot
                        executors  4 of 8 cores: 6.0 hours, in time for '6h'
                        cost       9.60 at 0.05 a core-hour, 192.0 core-hours""");
        assertThat(new ScheduleReport(work, rate, false, 2, null, null)).hasToString("""
                        rate       300 rows/s a slot, as given (--rate)
                        work       96.0 hours of one slot
                        executors  2 of 8 cores: 12.0 hours
                        cost       192.0 core-hours""");
        assertThat(new ScheduleReport(work, rate, true, 1, Deadline.parse("6h", EVENING), null).toString())
                .contains("\ntime  24.0 hours, too late for '6h'\n");
        assertThat(new ScheduleReport(
                                new Schedule(96 * 3600, 4, 8, 10), rate, false, 1, Deadline.parse("90m", EVENING), 1.0)
                        .toString())
                .contains(
                        "executors  no number finishes by '90m': 10 row groups keep no more slots busy, which take 9.6"
                                + " hours; write smaller row groups");
    }
}
