package dev.braid.task;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.kernel.HeldMemory;
import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import dev.braid.progress.Counters;
import dev.braid.rows.StoredRows;
import dev.braid.spark.Emitted;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.GoldenTable;
import dev.braid.spark.PairedRows;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryType;
import java.util.Iterator;
import java.util.Set;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A partition takes the same memory however many rows it has. */
class FlatMemoryTest {
    private static final GoldenTable GOLDEN = GoldenTable.read("seed-small");
    private static final int WARM = 20_000;
    private static final int ROWS = 200_000;

    /** What a million rows could leave behind at a few bytes each is far more. */
    private static final long NOISE = 4 << 20;

    private static final StructType SCHEMA = PairedRows.schema(GoldenTable.NESTED, GoldenTable.NESTED);

    @Tag("slow")
    @Test
    void tenTimesTheRowsTakeNoMoreMemory() {
        FusionConfig config = new FusionConfig(GOLDEN.columns(), 256, false, Set.of(Emitted.POOLED));
        try (FusionModel model = FusionModel.load(GOLDEN.checkpoint());
                FusionWorkspace workspace = model.workspace(256)) {
            FusedRows rows = new FusedRows(
                    StoredRows.of(manyRows(), SCHEMA, 1),
                    PairedRows.decoder(config, model.config(), GoldenTable.NESTED, GoldenTable.NESTED),
                    PairedRows.layout(config, model.config()),
                    BadRowHandler.FAIL,
                    () -> new ExecutorModel.Borrowed(model, workspace, null, () -> {}),
                    1,
                    Counters.ofRun(),
                    Counters.ofTask(null, 0),
                    null);
            read(rows, WARM);
            long outside = HeldMemory.bytes();
            long heap = usedHeap();

            read(rows, ROWS - WARM);

            assertThat(HeldMemory.bytes()).isEqualTo(outside);
            assertThat(usedHeap()).isLessThan(heap + NOISE);
            assertThat(rows.hasNext()).isFalse();
        }
    }

    private static void read(FusedRows rows, int count) {
        for (int row = 0; row < count; row++) {
            assertThat(rows.hasNext()).isTrue();
            rows.next();
        }
    }

    private static Iterator<InternalRow> manyRows() {
        UnsafeProjection reused = PairedRows.unsafe(GoldenTable.NESTED, GoldenTable.NESTED);
        return new Iterator<>() {
            private int row;

            @Override
            public boolean hasNext() {
                return row < ROWS;
            }

            @Override
            public InternalRow next() {
                int golden = row % 4;
                return reused.apply(
                        PairedRows.generic("k" + row++, GOLDEN.sequence(0, golden), GOLDEN.sequence(1, golden)));
            }
        };
    }

    /** Bytes of the heap right after a collection, before a thread takes room for its next objects. */
    private static long usedHeap() {
        System.gc();
        return ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(pool -> pool.getType() == MemoryType.HEAP)
                .mapToLong(pool -> pool.getCollectionUsage().getUsed())
                .sum();
    }
}
