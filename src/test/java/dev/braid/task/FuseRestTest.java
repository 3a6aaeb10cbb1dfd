package dev.braid.task;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.batch.FeatureSequence;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.RandomCheckpoint;
import dev.braid.decode.BadRow;
import dev.braid.decode.DecodedRow;
import dev.braid.decode.DecodedRow.Sequences;
import dev.braid.decode.MaxBadRows;
import dev.braid.decode.Reason;
import dev.braid.decode.RowPolicy;
import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import dev.braid.model.Readout;
import dev.braid.progress.Counters;
import dev.braid.progress.FusionProgress;
import dev.braid.rows.StoredRows;
import dev.braid.spark.AuditedKeys;
import dev.braid.spark.Emitted;
import dev.braid.spark.FeatureTables;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.FusionEngines;
import dev.braid.spark.FusionTest;
import dev.braid.spark.GoldenTable;
import dev.braid.spark.PairedRows;
import dev.braid.spark.SharedSpark;
import dev.braid.spark.Tables;
import dev.braid.tensor.Activation;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Rows that lack a modality, fused from the others. That the model gives PyTorch's numbers for them is GoldenParityTest's. */
@ExtendWith(SharedSpark.class)
class FuseRestTest {
    private static final GoldenTable GOLDEN = GoldenTable.read("seed-small");
    private static final float[][] VISUAL = GOLDEN.sequence(0, 0);
    private static final float[][] TEXT = GOLDEN.sequence(1, 0);
    private static final StructType SCHEMA = PairedRows.schema(GoldenTable.NESTED, GoldenTable.NESTED);
    private static final FusionConfig CONFIG = new FusionConfig(
                    GOLDEN.columns(), 64, false, EnumSet.allOf(Emitted.class))
            .with(new RowPolicy(RowPolicy.OnBadRow.QUARANTINE, MaxBadRows.UNLIMITED, RowPolicy.OnMissing.FUSE_REST));

    private static ModelConfig model(boolean clsToken, Pooling pooling) {
        ModelConfig seed = GOLDEN.checkpoint().config();
        return ModelConfig.singleStream(
                seed.modalities(),
                clsToken,
                2,
                new LayerConfig(24, 3, 20, Activation.RELU, false, 1e-5f, true),
                pooling);
    }

    /** More rows than tokens would allow if each row had a token of every modality. */
    @ParameterizedTest
    @EnumSource(names = {"MEAN", "MAX", "LAST", "CLS", "POOLER"})
    void aRowHasNoTokenOfAModalityThatIsNull(Pooling pooling) {
        ModelConfig config = model(true, pooling);
        List<InternalRow> rows = new ArrayList<>();
        float[][] oneToken = {VISUAL[0]};
        for (int row = 0; row < 32; row++) {
            rows.add(PairedRows.generic("k" + row, oneToken, null));
        }
        rows.add(PairedRows.generic("text", null, TEXT));
        rows.add(PairedRows.generic("both", VISUAL, TEXT));
        List<BadRow> bad = new ArrayList<>();
        rows.add(PairedRows.generic("neither", null, null));
        try (FusionModel model = FusionModel.load(RandomCheckpoint.of(config, 3));
                FusionWorkspace workspace = model.workspace(64, EnumSet.allOf(Readout.class));
                FusionWorkspace alone = model.workspace(64, EnumSet.allOf(Readout.class))) {
            FusedRows fused = new FusedRows(
                    StoredRows.of(rows.iterator(), SCHEMA, 1),
                    PairedRows.decoder(CONFIG, config, GoldenTable.NESTED, GoldenTable.NESTED),
                    PairedRows.layout(CONFIG, config),
                    bad::add,
                    () -> new ExecutorModel.Borrowed(model, workspace, null, () -> {}),
                    1,
                    null,
                    Counters.ofTask(null, 0),
                    null);
            List<Row> got = new ArrayList<>();
            PairedRows.external(fused, CONFIG, config).forEachRemaining(got::add);

            assertThat(got).hasSize(34);
            assertThat(got.get(0).getStruct(3)).isEqualTo(RowFactory.create(1, 1, 0));
            assertThat(got.get(32).getStruct(3)).isEqualTo(RowFactory.create(1, 0, TEXT.length));
            assertThat(got.get(33).getStruct(3)).isEqualTo(RowFactory.create(1, VISUAL.length, TEXT.length));
            for (int row = 0; row < got.size(); row++) {
                alone.batch().clear();
                alone.batch().add(sequences(rows.get(row), config));
                model.fuse(alone);
                assertThat(FusionTest.floats(got.get(row).get(1))).isEqualTo(boxed(alone.pooled(0)));
                assertThat(got.get(row).getStruct(4).getFloat(2)).isEqualTo(alone.attention(0)[2]);
            }
            assertThat(got.get(0).getStruct(4).getFloat(2)).isZero();
        }
        assertThat(bad).extracting(BadRow::reason).containsExactly(Reason.MISSING_MODALITY);
        assertThat(bad.get(0).message())
                .isEqualTo("Cannot decode row 'neither': no modality is present, expected at least one");
    }

    /** Whether a joined table lacks the key or a paired one holds null, the numbers and the fingerprint are the same. */
    @Test
    void rowsOfAJoinAreFusedFromTheTablesThatHaveTheirKey(SparkSession spark, @TempDir Path directory) {
        GoldenTable golden = GoldenTable.read("odd-sizes");
        Dataset<Row> all = golden.paired(spark, GoldenTable.NESTED);
        String noVisual = "id = 'p-1'";
        String noText = "id in ('p-0', 'p-4')";
        String visual = directory.resolve("visual").toString();
        String text = directory.resolve("text").toString();
        all.filter("not " + noVisual).select("id", "visual").write().parquet(visual);
        all.filter("not " + noText).select("id", "text", "label").write().parquet(text);
        FusionConfig config = new FusionConfig(
                        golden.columns("label"), 64, false, Set.of(Emitted.POOLED, Emitted.TOKENS))
                .with(CONFIG.policy());
        FeatureTables tables =
                Tables.perModality(spark, Map.of("visual", visual, "text", text), golden.columns("label"));
        AuditedKeys keys = tables.audit(config.policy());
        assertThat(keys.rows()).isEqualTo(golden.rows());
        assertThat(keys.badRows()).isZero();

        FusionProgress ofJoin = FusionProgress.start(spark.sparkContext());
        Map<String, Row> joined =
                byKey(FusionEngines.fuse(tables.pair(OptionalInt.of(2), keys), golden.checkpoint(), config, ofJoin));
        Dataset<Row> nulls = all.withColumn("visual", functions.expr("if(" + noVisual + ", null, visual)"))
                .withColumn("text", functions.expr("if(" + noText + ", null, text)"))
                .withColumn("label", functions.expr("if(" + noText + ", null, label)"));
        FusionProgress ofNulls = FusionProgress.start(spark.sparkContext());
        assertThat(byKey(FusionEngines.fuse(nulls, golden.checkpoint(), config, ofNulls)))
                .isEqualTo(joined)
                .hasSize(golden.rows());
        assertThat(ofNulls.fingerprint()).isEqualTo(ofJoin.fingerprint());

        FusionProgress ofAll = FusionProgress.start(spark.sparkContext());
        Map<String, Row> whole = byKey(FusionEngines.fuse(all, golden.checkpoint(), config, ofAll));
        whole.forEach((key, row) -> {
            Row lengths = joined.get(key).getStruct(4);
            boolean lacks = List.of("p-0", "p-1", "p-4").contains(key);
            assertThat(lengths.getInt(0) == 0).isEqualTo(key.equals("p-1"));
            assertThat(lengths.getInt(1) == 0).isEqualTo(lacks && !key.equals("p-1"));
            assertThat(row.equals(joined.get(key))).as(key).isEqualTo(!lacks);
        });
    }

    private static Map<String, Row> byKey(Dataset<Row> fused) {
        return fused.collectAsList().stream().collect(Collectors.toMap(row -> row.getString(0), row -> row));
    }

    private static List<Float> boxed(float[] numbers) {
        List<Float> boxed = new ArrayList<>();
        for (float number : numbers) {
            boxed.add(number);
        }
        return boxed;
    }

    private static List<FeatureSequence> sequences(InternalRow row, ModelConfig config) {
        return ((Sequences) decode(row, config)).byModality();
    }

    private static DecodedRow decode(InternalRow row, ModelConfig config) {
        return PairedRows.decoder(CONFIG, config, GoldenTable.NESTED, GoldenTable.NESTED)
                .decode(PairedRows.stored(row, GoldenTable.NESTED, GoldenTable.NESTED));
    }

    @Test
    void thePooledTokenMustBeThere() {
        InternalRow noVisual = PairedRows.generic("k", null, TEXT);
        InternalRow noText = PairedRows.generic("k", VISUAL, null);
        for (Pooling pooling : List.of(Pooling.CLS, Pooling.POOLER)) {
            BadRow bad = (BadRow) decode(noVisual, model(false, pooling));
            assertThat(bad.reason()).isEqualTo(Reason.MISSING_MODALITY);
            assertThat(bad.message())
                    .isEqualTo("Cannot decode row 'k': column 'visual' is null, expected features (pooling '"
                            + pooling.configName() + "' reads their first token)");
            assertThat(decode(noVisual, model(true, pooling))).isInstanceOf(Sequences.class);
            assertThat(decode(noText, model(false, pooling))).isInstanceOf(Sequences.class);
        }
        assertThat(decode(noVisual, model(false, Pooling.LAST))).isInstanceOf(Sequences.class);
    }

    @Test
    void anEmptySequenceIsNotAMissingOne() {
        BadRow bad = (BadRow) decode(PairedRows.generic("k", new Object[0], TEXT), model(true, Pooling.MEAN));
        assertThat(bad.reason()).isEqualTo(Reason.EMPTY_SEQUENCE);
    }
}
