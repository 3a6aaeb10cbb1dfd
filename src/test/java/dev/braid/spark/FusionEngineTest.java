package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.progress.FusionProgress;
import dev.braid.task.HeldModels;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.util.LongAccumulator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** One engine and many tables: what is computed, when, and what remains. */
@ExtendWith(SharedSpark.class)
class FusionEngineTest {
    private static final GoldenTable GOLDEN = GoldenTable.read("odd-sizes");
    private static final Set<Emitted> ALL = EnumSet.allOf(Emitted.class);

    private final SparkSession spark;

    @TempDir
    private java.nio.file.Path directory;

    FusionEngineTest(SparkSession spark) {
        this.spark = spark;
    }

    @Test
    void planningComputesNothing() {
        try (FusionEngine engine = open(ALL)) {
            Dataset<Row> shuffled = table().repartition(3);
            int jobs = jobs(() -> {
                Dataset<Row> fused = engine.fuse(shuffled);
                assertThat(fused.select("fused").schema().fieldNames()).containsExactly("fused");
                assertThat(engine.append(shuffled).filter("id > 'p-3'").columns())
                        .contains("visual", "fused");
            });
            assertThat(jobs).isZero();
            assertThat(jobs(() -> engine.fuse(shuffled).collectAsList())).isPositive();
        }
    }

    private int jobs(Runnable action) {
        AtomicInteger jobs = new AtomicInteger();
        SparkListener listener = new SparkListener() {
            @Override
            public void onJobStart(SparkListenerJobStart start) {
                jobs.incrementAndGet();
            }
        };
        spark.sparkContext().addSparkListener(listener);
        try {
            action.run();
            spark.range(1).collectAsList(); // The listener hears of jobs in order.
            long deadline = System.nanoTime() + 10_000_000_000L;
            while (jobs.get() == 0 && System.nanoTime() < deadline) {
                Thread.onSpinWait();
            }
        } finally {
            spark.sparkContext().removeSparkListener(listener);
        }
        return jobs.get() - 1;
    }

    @Test
    void aColumnThatNobodySelectsIsNotComputed() {
        FusionProgress progress = FusionProgress.start(spark.sparkContext());
        try (FusionEngine engine = open(ALL)) {
            Dataset<Row> fused = engine.fuse(PairedTable.of(table(), GOLDEN.columns("label")), progress);
            assertThat(fused.count()).isEqualTo(GOLDEN.rows());
            assertThat(fused.select("label", "id").collectAsList()).hasSize(GOLDEN.rows());
            assertThat(progress.rows()).isZero();

            List<Row> everything = fused.coalesce(1).collectAsList();
            assertThat(progress.rows()).isEqualTo(GOLDEN.rows());
            for (String column : List.of("fused", "fused_tokens", "fused_lengths", "attention", "attention_by_layer")) {
                // In an order of the query's own, the key last.
                List<Row> alone =
                        fused.select(column, "label", "id").orderBy("id").collectAsList();
                for (int r = 0; r < alone.size(); r++) {
                    Row row = everything.get(r);
                    assertThat(alone.get(r).get(0)).isEqualTo(row.get(row.fieldIndex(column)));
                    assertThat(alone.get(r).get(1)).isEqualTo(row.get(1));
                    assertThat(alone.get(r).get(2)).isEqualTo(row.get(0));
                }
            }
        }
    }

    @Test
    void aRowThatNobodyFusesIsNotRead() {
        Dataset<Row> broken = table().withColumn("text", functions.lit(null).cast(GoldenTable.NESTED));
        try (FusionEngine engine = open(ALL)) {
            assertThat(engine.fuse(broken).count()).isEqualTo(GOLDEN.rows());
            assertThatThrownBy(() -> engine.fuse(broken).select("fused").collectAsList())
                    .hasStackTraceContaining("': column 'text' is null, expected a sequence of features");
        }
    }

    @Test
    void oneEngineFusesManyTablesWithOneModelAndFreesItWhenItIsClosed() {
        int before = HeldModels.models();
        FusionEngine engine = open(Set.of(Emitted.POOLED));
        List<Row> first = sorted(engine.fuse(table()));
        int held = HeldModels.models();
        assertThat(sorted(engine.fuse(table().repartition(3)))).isEqualTo(first);
        assertThat(sorted(engine.fuse(table()).union(engine.fuse(table().filter("id = 'p-1'")))))
                .hasSize(GOLDEN.rows() + 1);
        assertThat(HeldModels.models()).isEqualTo(held).isPositive();

        Dataset<Row> planned = engine.fuse(table());
        engine.close();
        engine.close();
        assertThat(HeldModels.models()).isLessThanOrEqualTo(before);
        for (Runnable use : List.<Runnable>of(planned::collectAsList, () -> engine.fuse(table()))) {
            assertThatThrownBy(use::run)
                    .hasStackTraceContaining("Cannot fuse: expected an open engine, got one that is closed");
        }
    }

    @Test
    void appendedColumnsStandBehindAllColumnsOfTheTableAndNoKeyIsNeeded() {
        TableColumns noKey = new TableColumns(null, List.of(), GOLDEN.columns().features());
        FusionConfig config = new FusionConfig(noKey, 64, false, Set.of(Emitted.POOLED));
        Dataset<Row> table = table().withColumn("day", functions.expr("date '1582-10-10'"));
        try (FusionEngine engine = FusionEngine.open(spark, GOLDEN.checkpoint(), Optional.empty(), config)) {
            Dataset<Row> appended = engine.append(table);
            List<String> columns = new ArrayList<>(List.of(table.columns()));
            columns.add("fused");
            assertThat(appended.columns()).containsExactly(columns.toArray(String[]::new));
            assertThat(FusionTest.stored(appended.drop("fused").orderBy("id")))
                    .isEqualTo(FusionTest.stored(table.orderBy("id")));
            FusionConfig keyed = new FusionConfig(GOLDEN.columns(), 64, false, Set.of(Emitted.POOLED));
            try (FusionEngine other = FusionEngine.open(spark, GOLDEN.checkpoint(), Optional.empty(), keyed)) {
                assertThat(sorted(appended.select("id", "fused"))).isEqualTo(sorted(other.fuse(table)));
                assertThat(sorted(other.append(table).select("id", "fused"))).isEqualTo(sorted(other.fuse(table)));
            }
            assertThatThrownBy(() -> engine.append(table.withColumn("FUSED", functions.lit(1))))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("output column 'FUSED': expected one column of that name");
            Dataset<Row> broken = table.withColumn("text", functions.lit(null).cast(GoldenTable.NESTED));
            assertThatThrownBy(() -> engine.append(broken).collectAsList())
                    .hasStackTraceContaining(": column 'text' is null, expected a sequence of features");
        }
    }

    /** A workspace of its own for each of the partitions would be seen: so many do not fit. */
    @Test
    void aTaskOfManyPartitionsHoldsOneWorkspace() {
        try (FusionEngine engine = open(Set.of(Emitted.POOLED))) {
            LongAccumulator most = spark.sparkContext().longAccumulator();
            Dataset<Row> many = engine.fuse(table().repartition(40)).coalesce(1);
            List<String> ids = many.mapPartitions(
                            (MapPartitionsFunction<Row, String>) rows -> {
                                List<String> seen = new ArrayList<>();
                                rows.forEachRemaining(row -> {
                                    seen.add(row.getString(0));
                                    most.add(Math.max(0, HeldModels.workspaces() - most.value()));
                                });
                                return seen.iterator();
                            },
                            Encoders.STRING())
                    .collectAsList();
            assertThat(ids).hasSize(GOLDEN.rows());
            assertThat(most.value()).isEqualTo(1);
            assertThat(HeldModels.workspaces()).isZero();
        }
    }

    @Test
    void aCallersAdaptiveExecutionChangesNoRowAndNoCount() {
        for (boolean adaptive : List.of(true, false)) {
            SparkSession session = spark.newSession();
            session.conf().set("spark.sql.adaptive.enabled", adaptive);
            session.conf().set("spark.sql.shuffle.partitions", 7);
            Dataset<Row> table = GOLDEN.paired(session, GoldenTable.NESTED);
            Dataset<Row> joined = table.drop("text").join(table.select("id", "text"), "id");
            FusionProgress progress = FusionProgress.start(spark.sparkContext());
            String output = directory.resolve("adaptive-" + adaptive).toString();
            try (FusionEngine engine = open(Set.of(Emitted.POOLED))) {
                Dataset<Row> fused = engine.fuse(PairedTable.of(joined, GOLDEN.columns("label")), progress);
                fused.write().parquet(output);
                assertThat(progress.rows()).isEqualTo(GOLDEN.rows());
                assertThat(sorted(spark.read().parquet(output))).isEqualTo(sorted(engine.fuse(table())));
            }
        }
    }

    @Test
    void twoEnginesWorkSideBySide() {
        Checkpoint other = GOLDEN.checkpoint();
        try (FusionEngine one = open(Set.of(Emitted.POOLED));
                FusionEngine two = FusionEngine.open(
                        spark,
                        other,
                        Optional.empty(),
                        new FusionConfig(GOLDEN.columns("label"), 64, false, Set.of(Emitted.TOKENS)))) {
            Dataset<Row> both = one.fuse(table()).join(two.fuse(table()).drop("label"), "id");
            assertThat(both.collectAsList()).hasSize(GOLDEN.rows());
            assertThat(both.columns()).contains("fused", "fused_tokens");
        }
    }

    /** The first attempt of a task stops half-way; what it counted must not count. */
    @Test
    void theOutputOfARowIsTheSameWhoeverReadsItAndInWhateverOrder() {
        try (FusionEngine engine = open(Set.of(Emitted.POOLED))) {
            Dataset<Row> fused = engine.fuse(table().coalesce(1));
            List<Row> all = fused.collectAsList();
            assertThat(fused.limit(2).collectAsList()).isEqualTo(all.subList(0, 2));
            assertThat(HeldModels.workspaces()).isZero();
            List<Integer> partitions = fused.map(
                            (MapFunction<Row, Integer>) row -> TaskContext.getPartitionId(), Encoders.INT())
                    .collectAsList();
            assertThat(partitions).containsOnly(0);
        }
    }

    @Test
    void aTableOfFilesIsFusedByAnEngineToo() {
        String path = directory.resolve("pairs").toString();
        table().repartition(3).write().parquet(path);
        PairedTable paired = Tables.paired(spark, path, GOLDEN.columns("label")).pair(OptionalInt.empty());
        try (FusionEngine engine = open(Set.of(Emitted.POOLED))) {
            List<Row> expected = sorted(engine.fuse(table()));
            assertThat(sorted(engine.fuse(paired, null))).isEqualTo(expected);
            assertThat(sorted(engine.fuse(paired, null).select("id", "label", "fused")))
                    .isEqualTo(expected);
            assertThat(engine.fuse(paired, null).select("fused").collectAsList())
                    .hasSize(GOLDEN.rows());
        }
    }

    private Dataset<Row> table() {
        return GOLDEN.paired(spark, GoldenTable.NESTED);
    }

    private FusionEngine open(Set<Emitted> emitted) {
        FusionConfig config = new FusionConfig(GOLDEN.columns("label"), 64, false, emitted);
        return FusionEngine.open(spark, GOLDEN.checkpoint(), Optional.empty(), config);
    }

    private static List<Row> sorted(Dataset<Row> table) {
        return table.collectAsList().stream()
                .sorted(Comparator.comparing(row -> row.getString(0)))
                .toList();
    }
}
