package dev.braid.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.braid.InputException;
import dev.braid.Undisturbed;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.checkpoint.RandomCheckpoint;
import dev.braid.decode.Reason;
import dev.braid.decode.RowDecoder;
import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import dev.braid.model.Readout;
import dev.braid.progress.Counters;
import dev.braid.progress.FusionProgress;
import dev.braid.progress.Stage;
import dev.braid.progress.StageCost;
import dev.braid.rows.StoredRows;
import dev.braid.spark.Emitted;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.FusionTest;
import dev.braid.spark.GoldenTable;
import dev.braid.spark.PairedRows;
import dev.braid.tensor.Activation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class FusedRowsTest {
    private static final GoldenTable GOLDEN = GoldenTable.read("seed-small");
    private static final FusionModel MODEL = FusionModel.load(GOLDEN.checkpoint());

    private static final StructType SCHEMA = PairedRows.schema(GoldenTable.NESTED, GoldenTable.NESTED);

    private final FusionProgress progress = Counters.ofRun();
    private BadRowHandler badRows = BadRowHandler.FAIL;
    private int read;
    private long sleepBeforeRow;

    @Property(tries = 30)
    void packedEqualsOneByOneInTheSameOrder(
            @ForAll @Size(min = 1, max = 12) List<@IntRange(max = 3) Integer> rows,
            @ForAll @IntRange(max = 60) int spare) {
        List<String> packed = fuse(rows, GOLDEN.largestRow() + spare);
        List<String> alone = new ArrayList<>();
        for (int i = 0; i < rows.size(); i++) {
            String row = fuse(List.of(rows.get(i)), GOLDEN.largestRow()).get(0);
            alone.add(row.replaceFirst("k0", "k" + i));
        }
        assertThat(packed).isEqualTo(alone);
    }

    @Test
    void rowsAreThoseOfPyTorchAndCounted() {
        try (FusionWorkspace workspace = MODEL.workspace(30)) {
            int row = 0;
            for (Iterator<Row> fused = external(rows(indices(4), workspace, 30)); fused.hasNext(); row++) {
                Row next = fused.next();
                assertThat(next.get(0)).isEqualTo("k" + row);
                List<Object> tokens = next.getList(2);
                assertThat(tokens).hasSameSizeAs(GOLDEN.fused(row));
                for (int t = 0; t < tokens.size(); t++) {
                    assertThat(GoldenTable.error(GOLDEN.fused(row)[t], FusionTest.floats(tokens.get(t))))
                            .isLessThan(2e-5);
                }
            }
            assertThat(row).isEqualTo(4);
            assertThat(progress.rows()).isEqualTo(4);
            assertThat(progress.tokens()).isEqualTo(54);
        }
    }

    @Test
    void lengthsAndSharesStandInTokenOrderClsFirst() {
        ModelConfig seed = GOLDEN.checkpoint().config();
        ModelConfig withCls = ModelConfig.singleStream(
                seed.modalities(),
                true,
                3,
                new LayerConfig(24, 3, 20, Activation.RELU, false, 1e-5f, true),
                Pooling.CLS);
        try (FusionModel model = FusionModel.load(RandomCheckpoint.of(withCls, 5));
                FusionWorkspace workspace = model.workspace(64, Set.of(Readout.values()))) {
            FusionConfig all = new FusionConfig(GOLDEN.columns(), 64, false, EnumSet.allOf(Emitted.class));
            FusedRows fused = fusedRows(firstRow(), model, workspace, all);
            Row row = PairedRows.external(fused, all, withCls).next();
            assertThat(row.size()).isEqualTo(6);
            int visual = GOLDEN.sequence(0, 0).length;
            int text = GOLDEN.sequence(1, 0).length;
            assertThat(row.getList(2)).hasSize(1 + visual + text);
            assertThat(row.getStruct(3)).isEqualTo(RowFactory.create(1, visual, text));
            float[] shares = workspace.attention(0);
            assertThat(row.getStruct(4)).isEqualTo(RowFactory.create(shares[0], shares[1], shares[2]));
            assertThat(shares[0] + shares[1] + shares[2]).isCloseTo(1f, within(1e-6f));
            List<Row> layers = row.getList(5);
            for (int layer = 0; layer < 3; layer++) {
                float[] ofLayer = workspace.attentionByLayer(0)[layer];
                assertThat(layers.get(layer)).isEqualTo(RowFactory.create(ofLayer[0], ofLayer[1], ofLayer[2]));
            }
            assertThat(layers).hasSize(3);

            FusionConfig one = new FusionConfig(GOLDEN.columns(), 64, false, Set.of(Emitted.ATTENTION));
            Row alone = PairedRows.external(fusedRows(firstRow(), model, workspace, one), one, withCls)
                    .next();
            assertThat(alone).isEqualTo(RowFactory.create("k0", row.getStruct(4)));
        }
    }

    private static Iterator<InternalRow> firstRow() {
        return List.of(PairedRows.generic("k0", GOLDEN.sequence(0, 0), GOLDEN.sequence(1, 0)))
                .iterator();
    }

    @Test
    void noMoreThanOneRowIsReadBeyondTheBatch() {
        int first = GOLDEN.fused(0).length;
        int budget = GOLDEN.largestRow();
        int fit = 0;
        for (int tokens = 0; fit < 4 && tokens + GOLDEN.fused(fit).length <= budget; fit++) {
            tokens += GOLDEN.fused(fit).length;
        }
        assertThat(first).isLessThanOrEqualTo(budget);
        try (FusionWorkspace workspace = MODEL.workspace(budget)) {
            FusedRows fused = rows(indices(4), workspace, budget);
            assertThat(read).isZero();
            fused.next();
            assertThat(read).isEqualTo(fit + 1).isLessThan(4);
        }
    }

    /** Keys and kept columns of a batch are in the heap until its rows are handed out. */
    @Test
    void aBatchEndsAtSoManyBytesOfKeysAndKeptColumns() {
        String large = "k".repeat(Lanes.MOST_CARRIED_BYTES / 3);
        Iterator<InternalRow> rows = indices(9).stream()
                .map(row -> PairedRows.generic(large + row, GOLDEN.sequence(0, 0), GOLDEN.sequence(1, 0)))
                .peek(row -> read++)
                .iterator();
        try (FusionWorkspace workspace = MODEL.workspace(4096)) {
            FusedRows fused = fusedRows(rows, workspace, 4096);
            fused.next();
            assertThat(read).isEqualTo(3);
            for (int row = 1; row < 9; row++) {
                fused.next();
            }
            assertThat(fused.hasNext()).isFalse();
        }
    }

    @Test
    void aBadRowFailsWithItsMessage() {
        assertThatThrownBy(() -> fuse(Broken.NAN))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot decode row 'bad': column 'text' holds NaN at token 0, expected finite float32"
                        + " numbers");
        assertThatThrownBy(() -> fuse(Broken.NULL_TEXT))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot decode row 'bad': column 'text' is null, expected a sequence of features");
        assertThatThrownBy(() -> fuse(Broken.HUGE))
                .isInstanceOf(InputException.class)
                .hasMessageStartingWith("Cannot fuse row 'bad': column 'fused' would hold ");
    }

    private List<String> fuse(Broken broken) {
        try (FusionWorkspace workspace = MODEL.workspace(GOLDEN.largestRow())) {
            FusedRows fused = fusedRows(List.of(broken.row()).iterator(), workspace, GOLDEN.largestRow());
            List<String> rows = new ArrayList<>();
            external(fused).forEachRemaining(row -> rows.add(row.toString()));
            return rows;
        }
    }

    /** Rows that cannot be fused, found when they are decoded, copied or written. */
    enum Broken {
        NULL_KEY(Reason.NULL_KEY),
        NULL_TEXT(Reason.NULL_SEQUENCE),
        EMPTY(Reason.EMPTY_SEQUENCE),
        NARROW(Reason.WRONG_WIDTH),
        LONG(Reason.TOO_LONG),
        NAN(Reason.NON_FINITE_VALUE),
        HUGE(Reason.NON_FINITE_RESULT);

        private final Reason reason;

        Broken(Reason reason) {
            this.reason = reason;
        }

        InternalRow row() {
            float[][] visual = GOLDEN.sequence(0, 0);
            float[][] text = GOLDEN.sequence(1, 0);
            return switch (this) {
                case NULL_KEY -> PairedRows.generic(null, visual, text);
                case NULL_TEXT -> PairedRows.generic("bad", visual, null);
                case EMPTY -> PairedRows.generic("bad", new Object[0], text);
                case NARROW -> PairedRows.generic("bad", visual, new float[2][1]);
                case LONG -> PairedRows.generic("bad", new float[5000][visual[0].length], text);
                case NAN -> PairedRows.generic("bad", visual, filled(text, Float.NaN));
                case HUGE -> PairedRows.generic("bad", visual, filled(text, Float.MAX_VALUE));
            };
        }

        private static float[][] filled(float[][] like, float number) {
            float[][] filled = new float[like.length][like[0].length];
            for (float[] token : filled) {
                Arrays.fill(token, number);
            }
            return filled;
        }
    }

    /** The hash of all rows, keys and numbers is the same, and every broken row is rejected once, in order. */
    @Property(tries = 60)
    void rowsThatCannotBeFusedChangeNoBitOfTheOthers(
            @ForAll @Size(max = 10) List<@IntRange(max = 3) Integer> rows,
            @ForAll @Size(max = 12) List<Broken> broken,
            @ForAll @IntRange(max = 60) int spare,
            @ForAll Random random) {
        int budget = GOLDEN.largestRow() + spare;
        List<InternalRow> clean = new ArrayList<>();
        for (int i = 0; i < rows.size(); i++) {
            int row = rows.get(i);
            clean.add(PairedRows.generic("k" + i, GOLDEN.sequence(0, row), GOLDEN.sequence(1, row)));
        }
        List<InternalRow> mixed = new ArrayList<>(clean);
        int place = 0;
        for (Broken each : broken) {
            place += random.nextInt(mixed.size() - place + 1);
            mixed.add(place++, each.row());
        }
        List<Reason> rejected = new ArrayList<>();
        badRows = bad -> rejected.add(bad.reason());
        List<Long> before = counts();
        List<String> expected = fuse(clean, budget);
        List<Long> between = counts();

        assertThat(fuse(mixed, budget)).isEqualTo(expected).hasSameSizeAs(rows);
        assertThat(differences(between, counts())).isEqualTo(differences(before, between));
        assertThat(rejected)
                .containsExactlyInAnyOrderElementsOf(
                        broken.stream().map(each -> each.reason).toList());
    }

    private List<Long> counts() {
        return List.of(progress.rows(), progress.tokens(), progress.fingerprint());
    }

    private static List<Long> differences(List<Long> before, List<Long> after) {
        return IntStream.range(0, before.size())
                .mapToObj(i -> after.get(i) - before.get(i))
                .toList();
    }

    private List<String> fuse(Iterable<InternalRow> rows, int budget) {
        try (FusionWorkspace workspace = MODEL.workspace(budget)) {
            List<String> fused = new ArrayList<>();
            external(fusedRows(rows.iterator(), workspace, budget)).forEachRemaining(row -> fused.add(row.toString()));
            return fused;
        }
    }

    @ParameterizedTest
    @EnumSource
    void theFirstBadRowEndsTheRowsOfItsTask(Broken broken) {
        List<String> first = new ArrayList<>();
        badRows = bad -> {
            first.add(bad.message());
            return false;
        };
        List<InternalRow> rows = new ArrayList<>();
        for (int row = 0; row < 200; row++) {
            firstRow().forEachRemaining(rows::add);
        }
        fuse(rows, 64);
        assertThat(first).isEmpty();

        rows.add(0, broken.row());
        Iterator<InternalRow> input = rows.iterator();
        try (FusionWorkspace workspace = MODEL.workspace(GOLDEN.largestRow())) {
            FusedRows fused = fusedRows(input, workspace, GOLDEN.largestRow());
            assertThat(fused.hasNext()).isFalse();
            assertThat(fused.hasNext()).isFalse();
        }
        assertThat(input.hasNext()).as("rows of later batches").isTrue();
        assertThat(first).containsExactly(messageOf(broken));
    }

    private String messageOf(Broken broken) {
        badRows = BadRowHandler.FAIL;
        try {
            fuse(broken);
        } catch (InputException failure) {
            return failure.getMessage();
        }
        return null;
    }

    @Test
    void thereAreNoRowsOnceItIsClosed() {
        try (FusionWorkspace workspace = MODEL.workspace(4096)) {
            FusedRows fused = rows(indices(4), workspace, 4096);
            fused.next();
            fused.close();
            assertThat(fused.hasNext()).isFalse();
        }
    }

    @Test
    void aSlowSourceShowsUnderReadAndASlowReaderUnderWrite() {
        Undisturbed.run(() -> {
            try (FusionWorkspace workspace = MODEL.workspace(64)) {
                slowlyReadThenSlowlyWritten(workspace);
            }
        });
        assertThat(progress.stages().stream().mapToLong(StageCost::multiplyAdds).sum())
                .isEqualTo(progress.multiplyAdds())
                .isPositive();
    }

    private void slowlyReadThenSlowlyWritten(FusionWorkspace workspace) throws InterruptedException {
        Map<Stage, Long> before = millis();
        long nanosBefore = nanos();
        long start = System.nanoTime();
        sleepBeforeRow = 40;
        FusedRows slowlyRead = rows(indices(4), workspace, 64);
        while (slowlyRead.hasNext()) {
            slowlyRead.next();
        }
        slowlyRead.close();
        Map<Stage, Long> read = differences(before, millis());
        assertThat(read.get(Stage.READ)).isGreaterThanOrEqualTo(159).isEqualTo(Collections.max(read.values()));

        Map<Stage, Long> between = millis();
        sleepBeforeRow = 0;
        FusedRows slowlyWritten = rows(indices(4), workspace, 64);
        Thread.sleep(40);
        while (slowlyWritten.hasNext()) {
            slowlyWritten.next();
            Thread.sleep(40);
        }
        Thread.sleep(40);
        slowlyWritten.close();
        slowlyWritten.written();
        Map<Stage, Long> written = differences(between, millis());
        assertThat(written.get(Stage.WRITE)).isGreaterThanOrEqualTo(239);
        assertThat(written.get(Stage.READ)).isLessThan(100);

        long elapsed = System.nanoTime() - start;
        assertThat(nanos() - nanosBefore).isBetween(elapsed - 50_000_000, elapsed);
    }

    private static Map<Stage, Long> differences(Map<Stage, Long> before, Map<Stage, Long> after) {
        Map<Stage, Long> differences = new EnumMap<>(Stage.class);
        after.forEach((stage, millis) -> differences.put(stage, millis - before.get(stage)));
        return differences;
    }

    private long nanos() {
        return progress.stages().stream().mapToLong(StageCost::nanos).sum();
    }

    private Map<Stage, Long> millis() {
        return progress.stages().stream().collect(Collectors.toMap(StageCost::stage, cost -> cost.nanos() / 1_000_000));
    }

    private List<String> fuse(List<Integer> indices, int maxTokens) {
        try (FusionWorkspace workspace = MODEL.workspace(maxTokens)) {
            List<String> result = new ArrayList<>();
            Iterator<Row> fused = external(rows(indices, workspace, maxTokens));
            while (fused.hasNext()) {
                result.add(fused.next().toString());
            }
            return result;
        }
    }

    private FusedRows rows(List<Integer> indices, FusionWorkspace workspace, int maxTokens) {
        UnsafeProjection reused = PairedRows.unsafe(GoldenTable.NESTED, GoldenTable.NESTED);
        Iterator<Integer> positions = indices(indices.size()).iterator();
        return fusedRows(
                new Iterator<>() {
                    @Override
                    public boolean hasNext() {
                        return positions.hasNext();
                    }

                    @Override
                    public InternalRow next() {
                        read++;
                        sleep();
                        int position = positions.next();
                        int row = indices.get(position);
                        return reused.apply(
                                PairedRows.generic("k" + position, GOLDEN.sequence(0, row), GOLDEN.sequence(1, row)));
                    }
                },
                workspace,
                maxTokens);
    }

    private void sleep() {
        try {
            Thread.sleep(sleepBeforeRow);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static Iterator<Row> external(FusedRows rows) {
        return PairedRows.external(rows, config(4096), MODEL.config());
    }

    private static FusionConfig config(int maxTokens) {
        return new FusionConfig(GOLDEN.columns(), maxTokens, false, Set.of(Emitted.POOLED, Emitted.TOKENS));
    }

    private FusedRows fusedRows(Iterator<InternalRow> rows, FusionWorkspace workspace, int maxTokens) {
        return fusedRows(rows, MODEL, workspace, config(maxTokens));
    }

    private FusedRows fusedRows(
            Iterator<InternalRow> rows, FusionModel model, FusionWorkspace workspace, FusionConfig config) {
        RowDecoder decoder = PairedRows.decoder(config, model.config(), GoldenTable.NESTED, GoldenTable.NESTED);
        return new FusedRows(
                StoredRows.of(rows, SCHEMA, 1),
                decoder,
                PairedRows.layout(config, model.config()),
                badRows,
                () -> new ExecutorModel.Borrowed(model, workspace, null, () -> {}),
                1,
                progress,
                Counters.ofTask(null, 0),
                null);
    }

    private static List<Integer> indices(int count) {
        return IntStream.range(0, count).boxed().toList();
    }
}
