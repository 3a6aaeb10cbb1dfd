package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.progress.FusionProgress;
import dev.braid.progress.Stage;
import dev.braid.progress.StageCost;
import dev.braid.rows.Hashes;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The order-free fingerprint of a run, and its times, through Spark. */
@ExtendWith(SharedSpark.class)
class FingerprintTest {
    private static final GoldenTable GOLDEN = GoldenTable.read("odd-sizes");

    private final SparkSession spark;

    FingerprintTest(SparkSession spark) {
        this.spark = spark;
    }

    @Test
    void itIsTheSameInAnyOrderAndInOneThreeOrSixteenPartitions() {
        List<Row> rows = Collections.unmodifiableList(table().collectAsList());
        long expected = fingerprint(table().coalesce(1));
        Random random = new Random(4);
        for (int partitions : List.of(1, 3, 16)) {
            for (int order = 0; order < 2; order++) {
                List<Row> shuffled = new ArrayList<>(rows);
                Collections.shuffle(shuffled, random);
                Dataset<Row> table = spark.createDataFrame(shuffled, table().schema());
                assertThat(fingerprint(partitions == 1 ? table.coalesce(1) : table.repartition(partitions)))
                        .as("%d partitions", partitions)
                        .isEqualTo(expected);
            }
        }
    }

    @Test
    void itIsTheSumOfTheHashesOfTheRowsAndOneBitOfOneVectorChangesIt() {
        FusionProgress progress = FusionProgress.start(spark.sparkContext());
        FusionConfig config = new FusionConfig(GOLDEN.columns(), 64, false, Set.of(Emitted.POOLED));
        List<Row> fused = FusionEngines.fuse(table().repartition(3), GOLDEN.checkpoint(), config, progress)
                .collectAsList();

        assertThat(progress.fingerprint()).isEqualTo(sum(fused, 0));
        for (int bit = 0; bit < Float.SIZE; bit++) {
            assertThat(sum(fused, 1 << bit)).as("bit %d", bit).isNotEqualTo(progress.fingerprint());
        }
    }

    @Test
    void theLengthsBesideTheTokensCount() {
        FusionProgress progress = FusionProgress.start(spark.sparkContext());
        FusionConfig config = new FusionConfig(GOLDEN.columns(), 64, false, Set.of(Emitted.TOKENS));
        List<Row> fused = FusionEngines.fuse(table(), GOLDEN.checkpoint(), config, progress)
                .collectAsList();
        long sum = 0;
        for (Row row : fused) {
            List<Object> tokens = row.getList(1);
            Row lengths = row.getStruct(2);
            long ofTokens = Hashes.with(
                    Hashes.ofKey(row.getString(0)),
                    tokens.stream()
                            .map(token -> floats(FusionTest.floats(token)))
                            .toArray(float[][]::new));
            sum += Hashes.with(ofTokens, new int[] {lengths.getInt(0), lengths.getInt(1)});
        }
        assertThat(progress.fingerprint()).isEqualTo(sum);
    }

    private static float[] floats(List<Float> boxed) {
        float[] vector = new float[boxed.size()];
        for (int i = 0; i < vector.length; i++) {
            vector[i] = boxed.get(i);
        }
        return vector;
    }

    /** What the fingerprint is of these rows, with bits of one float of the fourth one flipped. */
    private static long sum(List<Row> fused, int flipped) {
        long sum = 0;
        for (int r = 0; r < fused.size(); r++) {
            float[] vector = floats(fused.get(r).getList(1));
            if (r == 3) {
                vector[5] = Float.intBitsToFloat(Float.floatToRawIntBits(vector[5]) ^ flipped);
            }
            sum += Hashes.with(Hashes.ofKey(fused.get(r).getString(0)), vector);
        }
        return sum;
    }

    @Test
    void oneFeatureOfOneRowIsSeen() {
        assertThat(fingerprint(table().withColumn(
                                "text",
                                functions.expr("if(id = 'p-3', transform(text, (token, t) -> transform(token, (x, i) ->"
                                        + " if(t = 0 and i = 0, x + 0.001F, x))), text)"))))
                .isNotEqualTo(fingerprint(table()));
    }

    @Test
    void twoRowsThatSwapTheirVectorsAreOthers() {
        Dataset<Row> swapped = table().withColumn(
                        "id", functions.expr("case id when 'p-1' then 'p-2' when 'p-2' then 'p-1' else id end"));
        assertThat(fingerprint(swapped)).isNotEqualTo(fingerprint(table()));
    }

    @Test
    void aRowThatIsMissingOrStandsTwiceIsSeen() {
        long all = fingerprint(table());
        long without = fingerprint(table().filter("id <> 'p-5'"));
        long alone = fingerprint(table().filter("id = 'p-5'"));
        assertThat(Set.of(all, without, fingerprint(table().union(table().filter("id = 'p-5'")))))
                .hasSize(3)
                .contains(without + alone, all + alone);
    }

    @Test
    void whatIsEmittedCountsAndKeptColumnsDoNot() {
        Set<Long> fingerprints = new TreeSet<>();
        fingerprints.add(fingerprint(table(), Set.of(Emitted.POOLED), "label"));
        fingerprints.add(fingerprint(table(), Set.of(Emitted.POOLED)));
        assertThat(fingerprints).hasSize(1);
        for (Emitted other : EnumSet.complementOf(EnumSet.of(Emitted.POOLED))) {
            fingerprints.add(fingerprint(table(), Set.of(Emitted.POOLED, other)));
            fingerprints.add(fingerprint(table(), Set.of(other)));
        }
        assertThat(fingerprints).hasSize(7);
    }

    @Test
    void theStagesOfAllTasksTakeNoLongerThanTheSlotsAreThere() {
        FusionProgress progress = FusionProgress.start(spark.sparkContext());
        long start = System.nanoTime();
        count(table().repartition(5), Set.of(Emitted.POOLED), progress);
        long elapsed = System.nanoTime() - start;

        int slots = spark.sparkContext().defaultParallelism();
        assertThat(progress.stages()).extracting(StageCost::stage).containsExactly(Stage.values());
        assertThat(progress.stages())
                .allSatisfy(cost -> assertThat(cost.nanos()).isPositive());
        assertThat(progress.stages().stream().mapToLong(StageCost::nanos).sum()).isLessThanOrEqualTo(slots * elapsed);
        assertThat(progress.stages().stream().filter(cost -> cost.multiplyAdds() > 0))
                .extracting(StageCost::stage)
                .containsExactly(Stage.PROJECT, Stage.ATTENTION, Stage.FEED_FORWARD);
    }

    private Dataset<Row> table() {
        return GOLDEN.paired(spark, GoldenTable.NESTED);
    }

    private long fingerprint(Dataset<Row> table) {
        return fingerprint(table, EnumSet.allOf(Emitted.class));
    }

    private long fingerprint(Dataset<Row> table, Set<Emitted> emitted, String... keep) {
        FusionProgress progress = FusionProgress.start(spark.sparkContext());
        count(table, emitted, progress, keep);
        return progress.fingerprint();
    }

    /** Through an RDD, which every row is computed for; counting a table need not compute its columns. */
    private static void count(Dataset<Row> table, Set<Emitted> emitted, FusionProgress progress, String... keep) {
        FusionConfig config = new FusionConfig(GOLDEN.columns(keep), 64, false, emitted);
        Dataset<Row> fused = FusionEngines.fuse(table, GOLDEN.checkpoint(), config, progress);
        assertThat(fused.toJavaRDD().count()).isEqualTo(progress.rows());
    }
}
