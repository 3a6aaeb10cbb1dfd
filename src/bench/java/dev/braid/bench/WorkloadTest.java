package dev.braid.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.braid.kernel.KernelLibrary;
import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import java.util.Comparator;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkloadTest {

    @ParameterizedTest
    @ValueSource(doubles = {0.3, 0.5, 0.7, 1})
    void sequencesHaveTheMeanLengthThatIsAskedFor(double meanOverLongest) {
        RowBatch rows =
                Workload.ofMeanLength(EncoderShape.II, meanOverLongest, 64).rows();
        assertThat(rows.tokens(1) / (64.0 * rows.rows())).isCloseTo(meanOverLongest, within(0.1));
        assertThat(rows.longest(1)).isGreaterThan(60);
    }

    @Test
    void flopsAreThoseThatTheModelCounts() {
        Workload workload = Workload.of(EncoderShape.I, TextLength.RAGGED, 3);
        try (FusionModel model = FusionModel.load(workload.checkpoint(), KernelLibrary.portable());
                FusionWorkspace workspace = model.workspace(workload.rows().tokens())) {
            for (int row = 0; row < 3; row++) {
                workspace.batch().add(workload.rows().sequences(row));
            }
            assertThat(workload.flops()).isEqualTo(2 * model.multiplyAdds(workspace));
        }
    }

    @Test
    void sortedBatchesHoldTheSameTokensWithLessPadding() {
        RowBatch rows = Workload.of(EncoderShape.III, TextLength.RAGGED, 20).rows();
        List<RowBatch> arrived = new Batching(false, 8).cut(rows);
        List<RowBatch> sorted = new Batching(true, 8).cut(rows);
        assertThat(arrived.stream().map(RowBatch::rows)).containsExactly(8, 8, 4);
        assertThat(sorted.stream().mapToInt(RowBatch::tokens).sum()).isEqualTo(rows.tokens());
        assertThat(sorted).isSortedAccordingTo(Comparator.comparing(RowBatch::paddedTokens));
        assertThat(padded(sorted)).isLessThan(padded(arrived));
    }

    private static int padded(List<RowBatch> batches) {
        return batches.stream()
                .mapToInt(batch -> batch.rows() * batch.paddedTokens())
                .sum();
    }
}
