package dev.braid.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.Undisturbed;
import dev.braid.batch.FeatureSequence;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.RandomCheckpoint;
import dev.braid.progress.Stage;
import dev.braid.progress.Stopwatch;
import dev.braid.tensor.Activation;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The stages' times and products are of what they are named after. */
class StageTest {
    /** Of each model one stage is by far the largest. */
    @ParameterizedTest
    @CsvSource({
        "PROJECT,      8192, 8,    false, 200",
        "PROJECT,      8192, 8,    true,  200",
        "ATTENTION,    8,    8,    false, 1500",
        "ATTENTION,    8,    8,    true,  1500",
        "FEED_FORWARD, 8,    8192, false, 200",
        "FEED_FORWARD, 8,    8192, true,  200"
    })
    void theLargestPartOfAModelIsTheStageOfMostTimeAndMostProducts(
            Stage largest, int featureSize, int intermediateSize, boolean normFirst, int tokens) {
        try (FusionModel model = FusionModel.load(model(featureSize, intermediateSize, normFirst, Pooling.MEAN));
                FusionWorkspace workspace = model.workspace(tokens)) {
            List<FeatureSequence> row = List.of(new StoredFloats(new float[tokens * featureSize], tokens));
            timed(model, workspace, List.of(row), 1);

            Undisturbed.run(() -> {
                Map<Stage, Long> nanos = timed(model, workspace, List.of(row), 5);
                nanos.remove(Stage.PACK);
                assertThat(most(nanos)).isEqualTo(largest);
            });
            assertThat(most(products(model, workspace))).isEqualTo(largest);
        }
    }

    @Test
    void theStagesOfAModelAddUpToItsTimeAndItsProducts() {
        try (FusionModel model = FusionModel.load(model(64, 256, false, Pooling.POOLER));
                FusionWorkspace workspace = model.workspace(200, Set.of())) {
            List<FeatureSequence> row = List.of(new StoredFloats(new float[20 * 64], 20));
            Undisturbed.run(() -> {
                long start = System.nanoTime();
                Map<Stage, Long> nanos = timed(model, workspace, Collections.nCopies(10, row), 20);
                long elapsed = System.nanoTime() - start;
                assertThat(sum(nanos)).isBetween(elapsed / 2, elapsed);
                assertThat(positive(nanos))
                        .containsExactly(Stage.PACK, Stage.PROJECT, Stage.ATTENTION, Stage.FEED_FORWARD, Stage.POOL);
            });
            Map<Stage, Long> products = products(model, workspace);
            assertThat(sum(products)).isEqualTo(model.cost(workspace).total());
            assertThat(products).containsEntry(Stage.POOL, 10L * 64 * 64).containsEntry(Stage.PROJECT, 200L * 64 * 64);
            assertThat(positive(products))
                    .containsExactly(Stage.PROJECT, Stage.ATTENTION, Stage.FEED_FORWARD, Stage.POOL);
        }
    }

    private static List<Stage> positive(Map<Stage, Long> figures) {
        return figures.entrySet().stream()
                .filter(figure -> figure.getValue() > 0)
                .map(Map.Entry::getKey)
                .toList();
    }

    private static Map<Stage, Long> timed(
            FusionModel model, FusionWorkspace workspace, List<List<FeatureSequence>> rows, int runs) {
        Stopwatch stopwatch = new Stopwatch();
        workspace.timer(stopwatch);
        for (int run = 0; run < runs; run++) {
            workspace.batch().clear();
            rows.forEach(workspace.batch()::add);
            model.fuse(workspace);
        }
        return perStage(stopwatch::nanos);
    }

    private static Map<Stage, Long> products(FusionModel model, FusionWorkspace workspace) {
        Cost cost = model.cost(workspace);
        return perStage(stage -> switch (stage) {
            case PROJECT -> cost.projection();
            case ATTENTION -> cost.attention();
            case FEED_FORWARD -> cost.feedForward();
            case POOL -> cost.pooler();
            default -> 0L;
        });
    }

    private static Map<Stage, Long> perStage(ToLongFunction<Stage> figure) {
        Map<Stage, Long> figures = new EnumMap<>(Stage.class);
        for (Stage stage : Stage.values()) {
            figures.put(stage, figure.applyAsLong(stage));
        }
        return figures;
    }

    private static long sum(Map<Stage, Long> figures) {
        return figures.values().stream().mapToLong(figure -> figure).sum();
    }

    private static Stage most(Map<Stage, Long> figures) {
        return Collections.max(figures.entrySet(), Map.Entry.comparingByValue()).getKey();
    }

    private static Checkpoint model(int featureSize, int intermediateSize, boolean normFirst, Pooling pooling) {
        return RandomCheckpoint.of(
                ModelConfig.singleStream(
                        List.of(new ModalityConfig("visual", featureSize)),
                        false,
                        2,
                        new LayerConfig(64, 4, intermediateSize, Activation.RELU, normFirst, 1e-5f, true),
                        pooling),
                1);
    }
}
