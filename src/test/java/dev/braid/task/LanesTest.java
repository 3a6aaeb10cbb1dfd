package dev.braid.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.kernel.KernelLibrary;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.PackedLinear;
import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import dev.braid.progress.Counters;
import dev.braid.progress.FusionProgress;
import dev.braid.rows.StoredRows;
import dev.braid.spark.Emitted;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.GoldenTable;
import dev.braid.spark.PairedRows;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A task on several threads: the rows of one thread, in their order, and nothing left behind however it ends. */
class LanesTest {
    private static final GoldenTable GOLDEN = GoldenTable.read("seed-small");
    private static final FusionConfig CONFIG =
            new FusionConfig(GOLDEN.columns(), GOLDEN.largestRow(), false, Set.of(Emitted.POOLED, Emitted.TOKENS));
    private static final StructType SCHEMA = PairedRows.schema(GoldenTable.NESTED, GoldenTable.NESTED);
    private static final int ROWS = 200;

    private final AtomicInteger lent = new AtomicInteger();
    private final AtomicInteger givenBack = new AtomicInteger();
    private final FusionProgress progress = Counters.ofRun();
    private final List<String> rejected = new ArrayList<>();
    /** Of each batch, the thread that fused it. */
    private final Set<Thread> fusing = ConcurrentHashMap.newKeySet();

    private Throwable error = new IllegalStateException("no attention");
    private final AtomicInteger attentionsLeft = new AtomicInteger(Integer.MAX_VALUE);
    private final FusionModel model = FusionModel.load(GOLDEN.checkpoint(), new Watched());

    @AfterEach
    void everythingIsGivenBack() {
        assertThat(givenBack).hasValue(lent.get());
        model.close();
    }

    /** oneDNN, whose attention notes the thread, and fails after so many calls. */
    private final class Watched implements KernelLibrary {
        private final KernelLibrary library = KernelLibrary.oneDnn();

        @Override
        public String name() {
            return library.name();
        }

        @Override
        public PackedLinear pack(Matrix weight, Matrix bias) {
            return library.pack(weight, bias);
        }

        @Override
        public Kernels open() {
            Kernels kernels = library.open();
            return (Kernels) Proxy.newProxyInstance(
                    getClass().getClassLoader(), new Class<?>[] {Kernels.class}, (proxy, method, arguments) -> {
                        if (method.getName().equals("attention")) {
                            fusing.add(Thread.currentThread());
                            if (attentionsLeft.decrementAndGet() < 0) {
                                throw error;
                            }
                        }
                        try {
                            return method.invoke(kernels, arguments);
                        } catch (InvocationTargetException failed) {
                            throw failed.getCause();
                        }
                    });
        }
    }

    private FusedRows rows(int threads) {
        return rows(threads, IntStream.range(0, ROWS).mapToObj(LanesTest::row).toList());
    }

    private static InternalRow row(int index) {
        return PairedRows.generic("k" + index, GOLDEN.sequence(0, index % 4), GOLDEN.sequence(1, index % 4));
    }

    private FusedRows rows(int threads, List<InternalRow> rows) {
        return rows(threads, rows.iterator());
    }

    private FusedRows rows(int threads, Iterator<InternalRow> rows) {
        return new FusedRows(
                StoredRows.of(rows, SCHEMA, 1),
                PairedRows.decoder(CONFIG, model.config(), GoldenTable.NESTED, GoldenTable.NESTED),
                PairedRows.layout(CONFIG, model.config()),
                bad -> {
                    rejected.add(bad.message());
                    return false;
                },
                this::lend,
                threads,
                progress,
                Counters.ofTask(null, 0),
                null);
    }

    private ExecutorModel.Borrowed lend() {
        FusionWorkspace workspace = model.workspace(CONFIG.maxTokens());
        lent.incrementAndGet();
        return new ExecutorModel.Borrowed(model, workspace, this::lend, () -> {
            workspace.close();
            givenBack.incrementAndGet();
        });
    }

    private List<String> read(FusedRows fused) {
        List<String> read = new ArrayList<>();
        PairedRows.external(fused, CONFIG, model.config()).forEachRemaining((Row row) -> read.add(row.toString()));
        return read;
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 8})
    void theRowsAreThoseOfOneThreadInTheirOrder(int threads) {
        List<String> one = read(rows(1));
        assertThat(one).hasSize(ROWS);
        assertThat(lent).hasValue(1);
        long fingerprint = progress.fingerprint();

        assertThat(read(rows(threads))).isEqualTo(one);
        assertThat(progress.fingerprint()).isEqualTo(2 * fingerprint);
        assertThat(lent.get() - 1).isEqualTo(threads + 1).isEqualTo(Lanes.most(threads));
        Set<Thread> helpers = new HashSet<>(fusing);
        helpers.remove(Thread.currentThread());
        assertThat(helpers)
                .hasSizeBetween(1, threads - 1)
                .allMatch(thread -> thread.getName().equals(Lanes.HELPER));
    }

    @Test
    void oneBatchNeedsOneWorkspaceAndNoHelper() {
        assertThat(read(rows(8, List.of(row(0))))).hasSize(1);
        assertThat(lent).hasValue(1);
        assertThat(fusing).containsExactly(Thread.currentThread());
    }

    @Test
    void withoutRowsNothingIsLent() {
        assertThat(read(rows(4, List.of()))).isEmpty();
        assertThat(lent).hasValue(0);
    }

    @Test
    void aFailureOfAHelperIsTheTasksFailure() {
        attentionsLeft.set(20);
        FusedRows fused = rows(3);
        assertThatThrownBy(() -> read(fused)).hasMessage("no attention");
        fused.close();
    }

    /** As by an executor that runs out of heap while it fuses. */
    @Test
    void anErrorOfAHelperIsTheTasksError() {
        error = new OutOfMemoryError("no heap");
        attentionsLeft.set(20);
        FusedRows fused = rows(3);
        assertThatThrownBy(() -> read(fused)).isSameAs(error);
        fused.close();
        assertThat(fused.hasNext()).isFalse();
    }

    @Test
    void aTaskThatIsInterruptedWaitsForItsHelpers() {
        FusedRows fused = rows(4);
        fused.next();
        Thread.currentThread().interrupt();
        fused.close();
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void manyBadRowsInARowAreHeldAFewAtATime() {
        AtomicInteger read = new AtomicInteger();
        List<InternalRow> bad = Collections.nCopies(10_000, PairedRows.generic("bad", GOLDEN.sequence(0, 0), null));
        FusedRows fused =
                rows(2, bad.stream().peek(row -> read.incrementAndGet()).iterator());
        assertThat(fused.hasNext()).isFalse();
        assertThat(rejected).hasSize(1);
        assertThat(read.get()).isLessThan(500);
    }

    /** Spark's tasks end then; whoever reads on misses rows, and never gets one twice or in another's place. */
    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void afterAFailedReadNoRowIsHandedOutTwice(int threads) {
        Iterator<Integer> keys = IntStream.range(0, ROWS).iterator();
        AtomicInteger failuresLeft = new AtomicInteger(1);
        Iterator<InternalRow> failing = new Iterator<>() {
            private int next = -1;

            @Override
            public boolean hasNext() {
                if (next == ROWS / 3 && failuresLeft.getAndDecrement() > 0) {
                    throw new IllegalStateException("no row");
                }
                return keys.hasNext();
            }

            @Override
            public InternalRow next() {
                next = keys.next();
                return row(next);
            }
        };
        FusedRows fused = rows(threads, failing);
        List<String> read = new ArrayList<>();
        Iterator<Row> external = PairedRows.external(fused, CONFIG, model.config());
        assertThatThrownBy(() -> external.forEachRemaining(row -> read.add(row.toString())))
                .hasMessage("no row");
        external.forEachRemaining(row -> read.add(row.toString()));
        List<String> undisturbed = read(rows(1));
        assertThat(undisturbed).containsSubsequence(read);
        assertThat(read).hasSizeGreaterThan(ROWS / 2).endsWith(undisturbed.get(ROWS - 1));
    }

    @Test
    void closingWaitsForTheBatchesInProgress() {
        for (int rows = 0; rows < 40; rows++) {
            FusedRows fused = rows(4);
            for (int row = 0; row < rows; row++) {
                fused.next();
            }
            fused.close();
            assertThat(fused.hasNext()).isFalse();
        }
    }

    @Test
    void aBadRowEndsTheRowsWhenItsTurnComes() {
        List<InternalRow> rows = new ArrayList<>(
                IntStream.range(0, ROWS).mapToObj(LanesTest::row).toList());
        rows.set(ROWS / 2, PairedRows.generic("bad", GOLDEN.sequence(0, 0), null));
        rows.set(ROWS / 2 + 1, PairedRows.generic("worse", GOLDEN.sequence(0, 0), null));
        for (int threads : new int[] {1, 3}) {
            rejected.clear();
            assertThat(read(rows(threads, rows))).as("%d threads", threads).hasSize(ROWS / 2);
            assertThat(rejected).singleElement().asString().contains("row 'bad'");
        }
    }
}
