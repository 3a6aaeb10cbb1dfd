package dev.braid.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.decode.BadRow;
import dev.braid.decode.MaxBadRows;
import dev.braid.decode.RowPolicy;
import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import dev.braid.progress.Counters;
import dev.braid.progress.FusionProgress;
import dev.braid.rows.StoredRows;
import dev.braid.spark.Emitted;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.FusionEngine;
import dev.braid.spark.FusionEngines;
import dev.braid.spark.FusionTest;
import dev.braid.spark.GoldenTable;
import dev.braid.spark.PairedRows;
import dev.braid.spark.SharedSpark;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.apache.spark.ml.functions;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Rows of one vector per modality, in every form of a column, and those that are none. */
@ExtendWith(SharedSpark.class)
class VectorRowsTest {
    private static final double TOLERANCE = 2e-5;
    private static final GoldenTable GOLDEN = GoldenTable.read("gated-vectors");
    private static final Set<Emitted> VECTORS = EnumSet.of(Emitted.POOLED, Emitted.TOKENS);

    private final SparkSession spark;

    VectorRowsTest(SparkSession spark) {
        this.spark = spark;
    }

    @Test
    void everyColumnOfVectorsGivesTheNumbersOfPyTorch() {
        for (DataType type : FusionTest.TYPES) {
            check(GOLDEN.paired(spark, type).repartition(2));
        }
        Dataset<Row> flat = GOLDEN.paired(spark, GoldenTable.FLAT_DOUBLE);
        check(flat.withColumn("visual", functions.array_to_vector(flat.col("visual"))));
    }

    private void check(Dataset<Row> table) {
        FusionConfig config = new FusionConfig(GOLDEN.columns("label"), 64, false, VECTORS);
        List<Row> rows = FusionEngines.fuse(table, GOLDEN.checkpoint(), config, null)
                .orderBy("id")
                .collectAsList();
        assertThat(rows).hasSize(GOLDEN.rows());
        for (int row = 0; row < rows.size(); row++) {
            float[] expected = GOLDEN.fused(row)[0];
            List<Float> pooled = rows.get(row).getList(rows.get(row).fieldIndex("fused"));
            List<?> tokens = rows.get(row).getList(rows.get(row).fieldIndex("fused_tokens"));
            assertThat(tokens).hasSize(1);
            assertThat(rows.get(row)
                            .getStruct(rows.get(row).fieldIndex("fused_lengths"))
                            .schema()
                            .fieldNames())
                    .containsExactly("fused");
            for (int c = 0; c < expected.length; c++) {
                assertThat((double) pooled.get(c))
                        .isCloseTo(expected[c], org.assertj.core.api.Assertions.within(TOLERANCE));
            }
        }
    }

    @Test
    void theFusedVectorIsNoTokenThatTheModelReads() {
        FusionProgress progress = FusionProgress.start(spark.sparkContext());
        FusionConfig config = new FusionConfig(GOLDEN.columns(), 64, false, Set.of(Emitted.POOLED));
        FusionEngines.fuse(GOLDEN.paired(spark, GoldenTable.NESTED), GOLDEN.checkpoint(), config, progress)
                .collectAsList();
        assertThat(progress.tokens()).isEqualTo(2L * GOLDEN.rows());
    }

    @Test
    void aRowWithoutExactlyOneVectorPerModalityIsBad() {
        float[] visual = GOLDEN.sequence(0, 0)[0];
        float[] text = GOLDEN.sequence(1, 0)[0];
        ModelConfig model = GOLDEN.checkpoint().config();
        FusionConfig config = new FusionConfig(GOLDEN.columns(), 64, false, VECTORS);
        StructType schema = PairedRows.schema(GoldenTable.NESTED, GoldenTable.NESTED);
        List<InternalRow> rows = List.of(
                PairedRows.generic("two", new float[][] {visual, visual}, new float[][] {text}),
                PairedRows.generic("none", new float[][] {visual}, null),
                PairedRows.generic("narrow", new float[][] {text}, new float[][] {text}),
                PairedRows.generic("good", new float[][] {visual}, new float[][] {text}));
        List<BadRow> bad = new ArrayList<>();
        List<Row> good = new ArrayList<>();
        try (FusionModel loaded = FusionModel.load(GOLDEN.checkpoint());
                FusionWorkspace workspace = loaded.workspace(64)) {
            FusedRows fused = new FusedRows(
                    StoredRows.of(rows.iterator(), schema, 1),
                    PairedRows.decoder(config, model, GoldenTable.NESTED, GoldenTable.NESTED),
                    PairedRows.layout(config, model),
                    bad::add,
                    () -> new ExecutorModel.Borrowed(loaded, workspace, null, () -> {}),
                    1,
                    null,
                    Counters.ofTask(null, 0),
                    null);
            PairedRows.external(fused, config, model).forEachRemaining(good::add);
        }
        assertThat(good).hasSize(1);
        assertThat(bad)
                .extracting(BadRow::message)
                .containsExactly(
                        "Cannot decode row 'two': column 'visual' has 2 tokens, expected 1 (the model takes one vector"
                                + " per modality)",
                        "Cannot decode row 'none': column 'text' is null, expected a sequence of features",
                        "Cannot decode row 'narrow': column 'visual' has width 9, expected 12 (feature_size of 'visual'"
                                + " in config.json)");
    }

    @Test
    void whatOnlyModelsOfSequencesDoIsRefused() {
        FusionConfig config = new FusionConfig(GOLDEN.columns(), 64, true, EnumSet.allOf(Emitted.class))
                .with(new RowPolicy(RowPolicy.OnBadRow.FAIL, MaxBadRows.UNLIMITED, RowPolicy.OnMissing.FUSE_REST));
        assertThatThrownBy(() -> FusionEngine.check(GOLDEN.checkpoint(), config))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("expected to emit pooled or tokens, got attention")
                .hasMessageContaining("got attention-by-layer")
                .hasMessageContaining(
                        "expected a vector of every modality, got rows to be fused from the rest (fuse-rest)")
                .hasMessageContaining("got sequences to be truncated");
    }
}
