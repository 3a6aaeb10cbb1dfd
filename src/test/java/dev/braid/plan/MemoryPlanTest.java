package dev.braid.plan;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.plan.JvmSettings.Manager;
import dev.braid.plan.MemoryPlan.Least;
import dev.braid.plan.MemoryPlan.Part;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The sums of a plan and what it says of settings, by hand. */
class MemoryPlanTest {
    private static final long MIB = 1 << 20;

    private static final List<Part> HEAP = List.of(new Part("a", 300 * MIB, 1), new Part("b", 50 * MIB, 8));
    private static final List<Part> OUTSIDE = List.of(new Part("c", 500 * MIB, 1), new Part("d", 100 * MIB, 8));
    private static final Least LEAST = new Least(100 * MIB, 2, 250 * MIB);

    @Test
    void partsAddUpAndSettingsAreRoundedUp() {
        MemoryPlan plan = plan(yarn(1024, 1408));
        assertThat(plan.heapBytes()).isEqualTo(875 * MIB); // 700, of which a heap takes four fifths
        assertThat(plan.outsideBytes()).isEqualTo(1300 * MIB);
        assertThat(Memory.setting(plan.heapSetting())).isEqualTo("1g");
        assertThat(Memory.setting(plan.overheadSetting())).isEqualTo("1536m");
        assertThat(Memory.setting(plan.driverHeapSetting())).isEqualTo("768m"); // 300 and three models, of four fifths
        assertThat(plan.problems()).isEmpty();
        assertThat(plan.impossible()).isEmpty();
    }

    @Test
    void whatTheEstimatePassesIsNamedWithTheSettingThatDoes() {
        assertThat(plan(yarn(800, 819)).problems())
                .containsExactly(
                        "heap of an executor: expected at least 875 MiB (8 tasks at once), got 800 MiB; set"
                                + " spark.executor.memory=1g",
                        "memory outside the heap of an executor: expected at least 1.3 GiB (8 tasks at once), got 819 MiB;"
                                + " set spark.executor.memoryOverhead=1536m, or a smaller --max-tokens");
        assertThat(plan(yarn(800, 819)).impossible()).isEmpty();

        assertThat(plan(new JvmSettings(Manager.LOCAL, 8, 1, 1024 * MIB, 0, 0, 2000 * MIB))
                        .problems())
                .containsExactly("memory of this JVM: expected at least 2.1 GiB (8 tasks at once), got 2.0 GiB; take a"
                        + " machine with more, a smaller --master local[N], or a smaller --max-tokens");
    }

    @Test
    void onlyWhatNoRunCanDoWithoutIsImpossible() {
        assertThat(plan(yarn(199, 500)).impossible())
                .containsExactly(
                        "heap of an executor: expected at least 200 MiB (the model, broadcast and unpacked), got 199"
                                + " MiB; set spark.executor.memory=1g");
        assertThat(plan(yarn(200, 249)).impossible())
                .containsExactly(
                        "memory of an executor: expected at least 450 MiB (the model, its weights and the buffers"
                                + " of one batch), got 449 MiB; set spark.executor.memoryOverhead=1536m, or a smaller --max-tokens");
        assertThat(plan(yarn(200, 250)).impossible()).isEmpty();
    }

    @Test
    void whereNothingLimitsAProcessItsHeapAloneCanBeTooSmall() {
        MemoryPlan plan = plan(new JvmSettings(Manager.STANDALONE, 8, 1, 200 * MIB, 0, 0, Long.MAX_VALUE));
        assertThat(plan.impossible()).isEmpty();
        assertThat(plan.problems()).hasSize(1).first().asString().startsWith("heap of an executor");
    }

    private static JvmSettings yarn(long heap, long overhead) {
        return new JvmSettings(Manager.YARN, 8, 1, heap * MIB, overhead * MIB, 0, (heap + overhead) * MIB);
    }

    private static MemoryPlan plan(JvmSettings jvm) {
        return new MemoryPlan(jvm, HEAP, OUTSIDE, LEAST);
    }
}
