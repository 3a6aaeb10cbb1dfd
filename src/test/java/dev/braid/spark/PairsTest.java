package dev.braid.spark;

import static org.apache.spark.sql.functions.col;
import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.decode.RowPolicy;
import dev.braid.progress.Exchanges;
import dev.braid.progress.Exchanges.Exchange;
import dev.braid.progress.FusionProgress;
import dev.braid.publish.Partitioning;
import dev.braid.publish.Shard;
import dev.braid.publish.ShardRecords;
import dev.braid.rows.StoredRow;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.InputTables;
import dev.braid.task.OutputFiles;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/** Pairs that refer to feature tables give the rows, to the bit, of the table that joins them first. */
@ExtendWith(SharedSpark.class)
class PairsTest {
    static final List<DataType> TYPES = List.of(GoldenTable.NESTED, GoldenTable.BINARY);

    private final SparkSession spark;

    @TempDir
    private Path directory;

    private GoldenTable golden = GoldenTable.read("three-modalities");
    private Dataset<Row> pairs;
    private final Map<String, Dataset<Row>> features = new LinkedHashMap<>();
    private final Map<String, Reference> references = new HashMap<>();
    private OptionalInt partitions = OptionalInt.empty();
    private RowPolicy policy = RowPolicy.FAIL;
    private FusionProgress progress;

    PairsTest(SparkSession spark) {
        this.spark = spark;
    }

    /** So many pairs of rows of the golden table, chosen at random; few rows have most of them. */
    private void pairs(int count, DataType type) {
        Random random = new Random(count);
        List<FeatureColumn> columns = golden.columns().features();
        StructType schema = new StructType().add("pair", "string").add("note", "int");
        for (FeatureColumn column : columns) {
            schema = schema.add(column.modality().name() + "_id", "string");
        }
        List<Row> rows = new ArrayList<>();
        for (int n = 0; n < count; n++) {
            List<Object> values = new ArrayList<>(List.of("k" + n, n));
            for (int m = 0; m < columns.size(); m++) {
                values.add("p-" + Math.min(random.nextInt(golden.rows() - 1), random.nextInt(golden.rows())));
            }
            rows.add(RowFactory.create(values.toArray()));
        }
        pairs = spark.createDataFrame(rows, schema).repartition(3);
        for (FeatureColumn column : columns) {
            String name = column.modality().name();
            List<String> own = new ArrayList<>(List.of("id as " + name + "_of", name));
            if (column.selection() != null) {
                own.add(column.selection().column());
            }
            features.put(name, golden.paired(spark, type).selectExpr(own.toArray(String[]::new)));
            references.put(name, new Reference(name + "_id", name + "_of"));
        }
    }

    private FusionConfig config() {
        TableColumns columns = golden.columns("note");
        return new FusionConfig(
                        new TableColumns("pair", columns.keep(), columns.features()),
                        400,
                        false,
                        Set.of(Emitted.POOLED, Emitted.TOKENS))
                .with(policy);
    }

    private String write(String name, Dataset<Row> table) {
        String path = directory.resolve(name).toString();
        table.write().mode("overwrite").parquet(path);
        return path;
    }

    private FeatureTables open() {
        Map<String, String> paths = new HashMap<>();
        features.forEach((name, table) -> paths.put(name, write(name, table)));
        return FeatureTables.ofPairs(
                new InputTables(spark), write("pairs", pairs), references, paths, config().columns());
    }

    /** The rows of the pairs, in the order of their keys. */
    private List<Row> fused() throws IOException {
        FeatureTables tables = open();
        return fused(tables, tables.audit(policy));
    }

    private List<Row> fused(FeatureTables tables, AuditedKeys keys) throws IOException {
        Path output = Files.createTempDirectory(directory, "fused");
        write(tables, keys, output);
        return spark.read().parquet(output.toString()).orderBy("pair").collectAsList();
    }

    private void write(FeatureTables tables, AuditedKeys keys, Path output) throws IOException {
        progress = FusionProgress.start(spark.sparkContext());
        OutputFiles.Grouping grouping = new OutputFiles.Grouping(OptionalInt.empty(), 1000, Partitioning.NONE);
        try (FusionEngine engine = FusionEngine.open(spark, golden.checkpoint(), Optional.empty(), config())) {
            engine.write(tables.pair(partitions, keys), output.toString(), "run", keys, grouping, progress);
        }
    }

    /** The same of a table that joins them first. */
    private List<Row> joined() throws IOException {
        Dataset<Row> rows = pairs;
        for (String name : features.keySet()) {
            Reference reference = references.get(name);
            Dataset<Row> table = features.get(name);
            rows = rows.join(table, col(reference.column()).equalTo(table.col(reference.id())));
        }
        FeatureTables tables = Tables.paired(spark, write("joined", rows), config().columns());
        return fused(tables, tables.audit(policy));
    }

    @ParameterizedTest
    @FieldSource("TYPES")
    void pairsGiveTheBitsOfTheTableThatJoinsThem(DataType type) throws IOException {
        pairs(50, type);
        List<Row> expected = joined();
        assertThat(expected).hasSize(50);
        long projected = progress.multiplyAdds();
        assertThat(fused()).isEqualTo(expected);
        assertThat(progress.repeatedTokens()).isPositive();
        assertThat(progress.multiplyAdds()).isLessThan(projected);
    }

    @Test
    void masksToo() throws IOException {
        golden = golden.padded();
        pairs(50, GoldenTable.FLAT);
        assertThat(fused()).isEqualTo(joined());
    }

    /** One row has half of 1,000 pairs: it is divided, and every task has some. */
    @Tag("slow")
    @Test
    void manyPairsOfOneRowAreDivided() throws IOException {
        golden = GoldenTable.read("seed-small");
        pairs(1000, GoldenTable.BINARY);
        List<Row> expected = joined();
        for (int tasks : List.of(1, 7, 100)) {
            partitions = OptionalInt.of(tasks);
            assertThat(fused()).isEqualTo(expected);
        }
        FeatureTables tables = open();
        JavaRDD<StoredRow> rows = tables.pair(partitions).storedRows();
        List<Integer> sizes =
                rows.mapPartitions(own -> List.of(size(own)).iterator()).collect();
        assertThat(sizes.stream().mapToInt(Integer::intValue).sum()).isEqualTo(1000);
        assertThat(sizes)
                .allMatch(size -> size <= 150)
                .filteredOn(size -> size > 0)
                .hasSizeGreaterThan(9);
    }

    private static int size(Iterator<?> rows) {
        int size = 0;
        while (rows.hasNext()) {
            rows.next();
            size++;
        }
        return size;
    }

    /** A run goes on only from files of the same division, even where another has as many partitions. */
    @Tag("slow")
    @Test
    void anotherDivisionIntoAsManyPartitionsBeginsAnew() throws IOException {
        golden = GoldenTable.read("seed-small");
        pairs(1000, GoldenTable.BINARY);
        FeatureTables tables = open();
        AuditedKeys keys = tables.audit(policy);
        Map<Integer, Integer> byCount = new HashMap<>();
        int other = 2;
        while (byCount.put(tables.pair(OptionalInt.of(other), keys).storedRows().getNumPartitions(), other) == null) {
            other++;
        }
        int tasks = other - 1;
        assertThat(tables.pair(OptionalInt.of(tasks), keys).storedRows().getNumPartitions())
                .isEqualTo(tables.pair(OptionalInt.of(other), keys).storedRows().getNumPartitions());
        partitions = OptionalInt.of(tasks);
        Path output = Files.createTempDirectory(directory, "fused");
        write(tables, keys, output);
        try (Stream<Path> records = Files.list(output.resolve("_shards"))) {
            for (Path record : records.sorted().skip(2).toList()) {
                Files.delete(record);
            }
        }
        partitions = OptionalInt.of(other);
        write(tables, keys, output);
        long rows = 0;
        for (Shard shard : new ShardRecords(
                        new org.apache.hadoop.fs.Path(output.toString()),
                        new org.apache.hadoop.fs.Path(output.toString())
                                .getFileSystem(spark.sparkContext().hadoopConfiguration()))
                .shards()) {
            rows += shard.rows();
        }
        assertThat(progress.finishedRows()).isZero();
        assertThat(progress.rows()).isEqualTo(1000);
        assertThat(rows).isGreaterThanOrEqualTo(1000);
    }

    @Test
    void partitionsAreAsManyAsTasksAskForAndNoMoreThanAShuffleTakes() {
        ReferenceCounts one = new ReferenceCounts(10, 0, List.of(new ReferenceCounts.SplitPairs(0, 1_000_000)));
        assertThat(PairPartitions.of(1, one, 8).count()).isEqualTo(8);
        assertThat(PairPartitions.of(1, one, 400).count()).isEqualTo(400);
        List<ReferenceCounts.SplitPairs> splits = new ArrayList<>();
        for (int split = 0; split < 16; split++) {
            splits.add(new ReferenceCounts.SplitPairs(split, 62_500));
        }
        ReferenceCounts even = new ReferenceCounts(1600, 0, splits);
        assertThat(PairPartitions.of(16, even, 8).count()).isEqualTo(16);
        assertThat(PairPartitions.of(16, even, 24).count()).isEqualTo(16);
        assertThat(PairPartitions.of(16, even, 400).count()).isEqualTo(400);
        splits.set(3, new ReferenceCounts.SplitPairs(3, 10_000_000));
        assertThat(PairPartitions.of(16, new ReferenceCounts(1600, 0, splits), 8)
                        .pieces())
                .isEqualTo(8);
        splits.clear();
        for (int split = 0; split < 100_000; split++) {
            splits.add(new ReferenceCounts.SplitPairs(split, split == 0 ? 1_000_000 : 10));
        }
        assertThat(PairPartitions.of(100_000, new ReferenceCounts(1_000_000, 0, splits), 8)
                        .count())
                .isEqualTo(100_000);
    }

    /** Of 10 rows of 50 kB and 200 of 1 kB, one of each in 200 pairs, the small ones move once. */
    @Test
    void theHeaviestModalityDoesNotMoveAndOthersOnce() throws Exception {
        golden = GoldenTable.read("seed-small");
        pairs(1, GoldenTable.BINARY);
        Dataset<Row> numbers = spark.range(200).toDF("n");
        pairs = numbers.selectExpr(
                "'k' || n as pair", "int(n) as note", "'p-' || n % 10 as visual_id", "'p-' || n as text_id");
        features.put("visual", binary(numbers.where("n < 10"), "visual", 50_000));
        features.put("text", binary(numbers, "text", 1000));
        FeatureTables tables = open();
        AuditedKeys keys = tables.audit(policy);
        PairedTable paired = tables.pair(partitions, keys);
        try (Exchanges exchanges = Exchanges.listen(spark.sparkContext())) {
            assertThat(paired.storedRows().count()).isEqualTo(200);
            JavaSparkContext.fromSparkContext(spark.sparkContext())
                    .sc()
                    .listenerBus()
                    .waitUntilEmpty();
            assertThat(exchanges.all().stream().mapToLong(Exchange::bytes).sum())
                    .isBetween(200_000L, 260_000L);
        }
    }

    private static Dataset<Row> binary(Dataset<Row> numbers, String name, int bytes) {
        // Digests do not compress.
        String value =
                "unhex(array_join(transform(sequence(1, " + bytes / 32 + "), i -> sha2(n || ' ' || i, 256)), ''))";
        return numbers.selectExpr("'p-' || n as " + name + "_of", value + " as " + name);
    }
}
