package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.decode.MaxBadRows;
import dev.braid.decode.RowPolicy;
import dev.braid.destination.TableAudit;
import dev.braid.progress.FusionProgress;
import dev.braid.publish.FusedTable;
import dev.braid.publish.Manifest;
import dev.braid.publish.Partitioning;
import dev.braid.publish.RunDirectory;
import dev.braid.publish.Shard;
import dev.braid.publish.Written;
import dev.braid.task.OutputFiles;
import dev.braid.task.TaskFiles;
import dev.braid.task.VectorForm;
import dev.braid.tensor.Precision;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Fused tables whose directories are named by values, and inputs of that kind. */
@ExtendWith(SharedSpark.class)
class PartitionedTableTest {
    private static final GoldenTable GOLDEN = GoldenTable.read("odd-sizes");
    private static final RowPolicy QUARANTINE =
            new RowPolicy(RowPolicy.OnBadRow.QUARANTINE, MaxBadRows.UNLIMITED, RowPolicy.OnMissing.FAIL);

    private final SparkSession spark;

    @TempDir
    private Path directory;

    PartitionedTableTest(SparkSession spark) {
        this.spark = spark;
    }

    /** A column of each kind, with null among its values; a partition is named by all of them. */
    @Test
    void everyKindOfValueIsReadBackAsItWas() {
        Map<String, String> kinds = new TreeMap<>(Map.of(
                "string", "elt(n % 8 + 1, '2026-11-26', 'a/b', 'a=b', '50%', 'a b', '图像 é', 'x:y{z}', '007')",
                "boolean", "n % 2 = 0",
                "tinyint", "cast(n - 4 as tinyint)",
                "smallint", "cast(n * 1000 as smallint)",
                "int", "cast(n - 2 as int)",
                "bigint", "n * 10000000000",
                "date", "date_add(date'1582-10-10', cast(n * 200000 as int))"));
        Dataset<Row> input = numbered();
        for (Map.Entry<String, String> kind : kinds.entrySet()) {
            input = input.withColumn("of_" + kind.getKey(), functions.expr("if(n = 5, null, " + kind.getValue() + ")"));
        }
        String[] columns = kinds.keySet().stream().map(type -> "of_" + type).toArray(String[]::new);
        Path table = publish(write("in", input), columns).table();
        Dataset<Row> read = asText().read().parquet(table.toString());
        assertThat(read.columns()).startsWith("id", "fused").endsWith(columns).hasSize(2 + columns.length);
        for (String type : kinds.keySet()) {
            String column = "of_" + type;
            assertThat(values(read.withColumn(column, functions.col(column).cast(type)), column))
                    .isEqualTo(values(input, column))
                    .hasSize(GOLDEN.rows());
        }
    }

    @Test
    void theRowsAreThoseOfATableWithoutPartitions() {
        Path input = write("in", numbered().withColumn("dt", functions.expr("concat('d', n % 3)")));
        Published flat = publish(input);
        Published parted = publish(input, "dt", "label");
        assertThat(parted.manifest().fingerprint()).isEqualTo(flat.manifest().fingerprint());
        assertThat(parted.manifest().rows()).isEqualTo(GOLDEN.rows());
        assertThat(rows(asText().read().parquet(parted.table().toString()).select("id", "fused")))
                .isEqualTo(rows(spark.read().parquet(flat.table().toString()).select("id", "fused")));
        assertThat(parted.manifest().files())
                .extracting(Shard::file)
                .allMatch(file ->
                        file.matches("dt=d[0-2]/label=label of [0-8]/part-\\d{5}-[0-9a-f-]{36}\\.zstd\\.parquet"));
        assertThat(names(parted.table())).containsExactly("_SUCCESS", "_manifest.json", "dt=d0", "dt=d1", "dt=d2");
        for (boolean quick : new boolean[] {true, false}) {
            assertThat(TableAudit.check(spark, parted.table().toString(), quick))
                    .isEqualTo(parted.manifest());
        }
    }

    @Test
    void theAuditNamesFilesOfPartitions() throws IOException {
        Path input = write("in", numbered().withColumn("dt", functions.expr("concat('a/', n % 3)")));
        Published parted = publish(input, "dt");
        Shard gone = parted.manifest().files().get(0);
        Shard other = parted.manifest().files().get(1);
        Path extra = parted.table().resolve(Partitioning.of(gone.file())).resolve("part-9.parquet");
        Files.move(parted.table().resolve(gone.file()), extra);
        Files.createDirectory(parted.table().resolve("dt=empty"));
        replace(parted.table().resolve(other.file()), Files.readAllBytes(extra));
        assertThatThrownBy(() -> TableAudit.check(spark, parted.table().toString(), false))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("'" + Partitioning.of(gone.file())
                        + "/part-9.parquet': expected only files that the manifest names, got another file")
                .hasMessageContaining("'dt=empty': expected only files that the manifest names, got another directory")
                .hasMessageContaining("'" + gone.file() + "': expected a file of " + gone.rows() + " rows, got none")
                .hasMessageContaining("'" + other.file() + "': expected fingerprint " + other.fingerprint());
    }

    @Test
    void columnsOfOtherTypesAreRefusedTogetherBeforeAnythingIsFused() {
        List<String> values = List.of(
                "cast(n as float)",
                "cast(n as double)",
                "cast(n as decimal(9, 2))",
                "timestamp_seconds(n)",
                "array(n)",
                "named_struct('a', n)",
                "cast(id as binary)");
        List<String> types =
                List.of("float", "double", "decimal(9,2)", "timestamp", "array<bigint>", "struct<a:bigint>", "binary");
        Dataset<Row> table = numbered();
        List<String> columns = new ArrayList<>();
        StringBuilder message = new StringBuilder("Cannot partition the fused table:");
        for (int i = 0; i < values.size(); i++) {
            columns.add("dt" + i);
            table = table.withColumn("dt" + i, functions.expr(values.get(i)));
            message.append("\n  column 'dt")
                    .append(i)
                    .append(
                            "': expected a type that can name directories (string, boolean, date or whole numbers), got ")
                    .append(types.get(i));
        }
        Path input = write("in", table);
        assertThatThrownBy(() -> publish(input, columns.toArray(String[]::new)))
                .isInstanceOf(InputException.class)
                .hasMessage(message.toString());
        assertThat(names(directory)).containsExactly("in");
    }

    @Test
    void anEmptyValueIsRefusedBeforeAnythingIsFused() {
        Path input = write("in", numbered().withColumn("dt", functions.expr("if(n = 3, '', 'x')")));
        assertThatThrownBy(() -> publish(input, "dt"))
                .isInstanceOf(InputException.class)
                .hasMessageStartingWith(
                        "Cannot partition the fused table:\n  column 'dt': expected values that can name a"
                                + " directory, got an empty one, which readers take for null");
        assertThat(names(directory)).containsExactly("in");
    }

    @Test
    void tooManyPartitionsAreRefused() {
        Dataset<Row> one = numbered().filter("n = 0");
        Dataset<Row> many = one.crossJoin(spark.range(PartitionValues.MOST + 1).toDF("m"))
                .withColumn("id", functions.expr("string(m)"));
        Path input = write("in", many.select("id", "m", "visual", "text"));
        assertThatThrownBy(() -> publish(input, "m"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("expected no more than 10000 partitions, got more");
    }

    /** A task with more partitions than files may be open, whose rows alternate between them. */
    @Tag("slow")
    @Test
    void moreRowsOfAPartitionWhoseFileIsCompleteBeginAnother() {
        int partitions = TaskFiles.MOST_OPEN + 3;
        Path input = write("in", copies(3 * partitions).withColumn("dt", functions.expr("m % " + partitions)));
        Published parted = publish(input, "dt");
        assertThat(parted.manifest().rows()).isEqualTo(3L * partitions);
        assertThat(parted.manifest().files()).hasSize(3 * partitions);
        assertThat(parted.manifest().files())
                .extracting(Shard::file)
                .anyMatch(file -> file.matches("dt=0/part-00000-[0-9a-f-]{36}-2\\.zstd\\.parquet"));
        TableAudit.check(spark, parted.table().toString(), false);

        Published sorted = publish(input, OptionalInt.of(1), "dt");
        assertThat(sorted.manifest().files()).hasSize(partitions);
        assertThat(sorted.manifest().fingerprint()).isEqualTo(parted.manifest().fingerprint());
    }

    @Test
    void filesShareTheMemoryOfARowGroup() throws IOException {
        Path input = write("in", copies(600).withColumn("dt", functions.expr("m % 3")));
        spark.conf().set("parquet.block.size", 30_000);
        try {
            Published parted = publish(input, "dt");
            for (Shard shard : parted.manifest().files()) {
                var path = new org.apache.hadoop.fs.Path(
                        parted.table().resolve(shard.file()).toString());
                try (var file = org.apache.parquet.hadoop.ParquetFileReader.open(
                        org.apache.parquet.hadoop.util.HadoopInputFile.fromPath(path, new Configuration()))) {
                    // 200 rows of 39 numbers, and no more than 30,000 bytes of all three files in memory.
                    assertThat(file.getRowGroups()).hasSizeBetween(2, 5);
                }
            }
            TableAudit.check(spark, parted.table().toString(), false);
        } finally {
            spark.conf().unset("parquet.block.size");
        }
    }

    @Test
    void aRunGoesOnFromTasksThatFinishedSeveralFilesEach() throws IOException {
        Path input = directory.resolve("in");
        numbered()
                .withColumn("dt", functions.expr("concat('d ', n % 2)"))
                .repartitionByRange(3, functions.col("n"))
                .write()
                .parquet(input.toString());
        FusionConfig config = config("dt");
        FeatureTables tables = Tables.paired(spark, input.toString(), config.columns());
        AuditedKeys keys = tables.audit(QUARANTINE);
        OutputFiles.Grouping files =
                new OutputFiles.Grouping(OptionalInt.empty(), 0, tables.partitioning(List.of("dt")));
        Path run = Files.createDirectory(directory.resolve("run"));
        try (FusionEngine engine = FusionEngine.open(spark, GOLDEN.checkpoint(), Optional.empty(), config)) {
            PairedTable paired = tables.pair(OptionalInt.empty(), keys);
            List<Shard> first = engine.write(paired, run.toString(), "run", keys, files, null);
            List<Shard> lost = first.stream()
                    .filter(shard -> shard.partitions().equals(first.get(0).partitions()))
                    .toList();
            List<Shard> torn = first.stream()
                    .filter(shard -> !shard.partitions().equals(first.get(0).partitions()))
                    .filter(shard -> shard.file() != null)
                    .toList();
            assertThat(lost).hasSizeGreaterThan(1);
            List<String> rows = rows(asText().read().parquet(run.toString()));
            // One task was killed before its record was written, of another a file is gone, and a third one was
            // writing.
            Files.delete(run.resolve("_shards/00000.json"));
            Files.delete(run.resolve(torn.get(0).file()));
            Files.createDirectories(run.resolve("dt=d 7"));
            Files.copy(run.resolve(torn.get(1).file()), run.resolve("dt=d 7/part-00009-run.zstd.parquet"));
            Files.copy(run.resolve(torn.get(1).file()), run.resolve("dt=d 0/part-00009-run.zstd.parquet"));

            FusionProgress progress = FusionProgress.start(spark.sparkContext());
            assertThat(engine.write(paired, run.toString(), "run", keys, files, progress))
                    .isEqualTo(first);
            long again = first.stream()
                    .filter(shard -> shard.partitions().equals(first.get(0).partitions())
                            || shard.partitions().equals(torn.get(0).partitions()))
                    .mapToLong(Shard::rows)
                    .sum();
            assertThat(progress.rows()).isEqualTo(again).isLessThan(GOLDEN.rows());
            assertThat(rows(asText().read().parquet(run.toString()))).isEqualTo(rows);
        }
        assertThat(names(run)).containsExactly("_attempts", "_quarantine", "_shards", "dt=d 0", "dt=d 1");
        assertThat(run.resolve("_attempts")).isEmptyDirectory();
    }

    @Test
    void rowsThatAreSetAsideBelongToNoPartition() {
        Dataset<Row> bad = numbered()
                .withColumn("dt", functions.expr("concat('d', n % 3)"))
                .withColumn("visual", functions.expr("if(n % 3 = 1 or n = 2, null, visual)"));
        Published parted = publish(write("in", bad), "dt");
        assertThat(parted.manifest().quarantined()).isEqualTo(Map.of("null_sequence", 4L));
        assertThat(parted.manifest().rows()).isEqualTo(GOLDEN.rows() - 4);
        assertThat(names(parted.table()))
                .contains("_quarantine", "dt=d0", "dt=d2")
                .doesNotContain("dt=d1");
        assertThat(TableAudit.check(spark, parted.table().toString(), false)).isEqualTo(parted.manifest());
    }

    @Test
    void aTableWithoutRowsHasNoFiles() {
        Published parted = publish(
                write("in", numbered().withColumn("dt", functions.lit("x")).filter("n < 0")), "dt");
        assertThat(names(parted.table())).containsExactly("_SUCCESS", "_manifest.json");
        assertThat(TableAudit.check(spark, parted.table().toString(), false)).isEqualTo(parted.manifest());
    }

    /** As a whole, a partition, several, and a file of one. */
    @Tag("slow")
    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "dt=2026-11-26",
                "dt=2026-11-2[67]",
                "dt=2026-11-26/lang=a b",
                "dt=2026-11-26/lang=a b/*.parquet"
            })
    void anInputMayItselfBePartitioned(String named) {
        Dataset<Row> input = numbered()
                .withColumn("dt", functions.expr("string(date_add(date'2026-11-25', cast(n % 3 as int)))"))
                .withColumn("lang", functions.expr("if(n % 2 = 0, 'a b', 'c')"));
        input.coalesce(1)
                .write()
                .partitionBy("dt", "lang")
                .parquet(directory.resolve("in").toString());
        Set<String> expected = input.select("id", "dt", "lang").collectAsList().stream()
                .filter(row -> isNamed(row, named))
                .map(Row::toString)
                .collect(Collectors.toCollection(TreeSet::new));
        Published parted = publish(directory.resolve("in").resolve(named), "dt", "lang");
        assertThat(asText().read()
                        .parquet(parted.table().toString())
                        .select("id", "dt", "lang")
                        .collectAsList())
                .extracting(Row::toString)
                .containsExactlyInAnyOrderElementsOf(expected)
                .isNotEmpty();
        assertThat(parted.manifest().files().size()).isLessThanOrEqualTo(6);
    }

    private static boolean isNamed(Row row, String named) {
        if (named.contains("[67]")) {
            return !row.getString(1).endsWith("25");
        }
        boolean lang = !named.contains("lang") || row.getString(2).equals("a b");
        return named.isEmpty() || (row.getString(1).endsWith("26") && lang);
    }

    @Test
    void tablesOfOnePartitionAreJoinedUnderItsName() throws IOException {
        for (String modality : List.of("visual", "text")) {
            numbered()
                    .select("id", modality)
                    .write()
                    .parquet(directory.resolve(modality + "/dt=2026-11-26").toString());
        }
        FusionConfig config = config("dt");
        FeatureTables tables = Tables.perModality(
                spark,
                Map.of(
                        "visual", directory.resolve("visual/dt=2026-11-26").toString(),
                        "text", directory.resolve("text/dt=2026-11-26").toString()),
                config.columns());
        assertThat(tables.partitioning(List.of("dt")).paths()).containsExactly("dt=2026-11-26");
        Published parted = publish(tables, config, OptionalInt.empty(), "dt");
        assertThat(asText().read()
                        .parquet(parted.table().toString())
                        .filter("dt = '2026-11-26'")
                        .count())
                .isEqualTo(GOLDEN.rows());
        numbered()
                .select("id", "text")
                .write()
                .parquet(directory.resolve("text/dt=2026-11-27").toString());
        assertThatThrownBy(() -> Tables.perModality(
                        spark,
                        Map.of(
                                "visual",
                                        directory
                                                .resolve("visual/dt=2026-11-26")
                                                .toString(),
                                "text", directory.resolve("text/dt=2026-11-27").toString()),
                        config.columns()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("kept column 'dt': expected it in one table, got it in ");
    }

    /** What a run wrote. */
    private record Published(Path table, Manifest manifest) {}

    private Published publish(Path input, String... by) {
        return publish(input, OptionalInt.empty(), by);
    }

    private Published publish(Path input, OptionalInt partitions, String... by) {
        FusionConfig config = config(by);
        return publish(Tables.paired(spark, input.toString(), config.columns()), config, partitions, by);
    }

    /** Runs like the command, into a new table. */
    private Published publish(FeatureTables tables, FusionConfig config, OptionalInt partitions, String... by) {
        Path table = directory.resolve("table" + System.nanoTime());
        Partitioning into = tables.partitioning(List.of(by));
        FusedTable output = Tables.output(table.toString(), false, List.of(), new Configuration());
        AuditedKeys keys = tables.audit(QUARANTINE);
        try (RunDirectory run = output.begin("identity", published -> false).orElseThrow();
                FusionEngine engine = FusionEngine.open(spark, GOLDEN.checkpoint(), Optional.empty(), config)) {
            Manifest manifest = output.write(
                    run,
                    path -> Written.manifest(
                            run.id(),
                            "identity",
                            engine.write(
                                    tables.pair(partitions, keys),
                                    path,
                                    run.id(),
                                    keys,
                                    new OutputFiles.Grouping(OptionalInt.empty(), 0, into),
                                    FusionProgress.start(spark.sparkContext()))),
                    written -> keys.rows(),
                    () -> {});
            return new Published(table, manifest);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private static FusionConfig config(String... by) {
        return new FusionConfig(
                GOLDEN.columns(by), 64, false, Set.of(Emitted.POOLED), VectorForm.ARRAY, Precision.FLOAT32, QUARANTINE);
    }

    private Path write(String name, Dataset<Row> rows) {
        Path path = directory.resolve(name);
        rows.coalesce(1).write().parquet(path.toString());
        return path;
    }

    /** Golden rows, with the number n in their keys. */
    private Dataset<Row> numbered() {
        return GOLDEN.paired(spark, GoldenTable.NESTED)
                .withColumn("n", functions.expr("cast(substr(id, 3) as bigint)"));
    }

    /** So many rows, with their numbers m in order. */
    private Dataset<Row> copies(int count) {
        return numbered()
                .filter("n = 0")
                .crossJoin(spark.range(0, count, 1, 1).toDF("m"))
                .withColumn("id", functions.expr("string(m)"))
                .coalesce(1);
    }

    private SparkSession asText() {
        SparkSession session = spark.newSession();
        session.conf().set("spark.sql.sources.partitionColumnTypeInference.enabled", false);
        return session;
    }

    private static Map<String, Object> values(Dataset<Row> rows, String column) {
        Map<String, Object> values = new HashMap<>();
        rows.select("id", column).collectAsList().forEach(row -> values.put(row.getString(0), row.get(1)));
        return values;
    }

    private static List<String> rows(Dataset<Row> table) {
        return table
                .select(Arrays.stream(table.columns()).map(functions::col).toArray(Column[]::new))
                .collectAsList()
                .stream()
                .map(row -> row.toString().replaceAll("WrappedArray|ArraySeq|ArrayBuffer", ""))
                .sorted()
                .toList();
    }

    private static void replace(Path file, byte[] bytes) throws IOException {
        Files.write(file, bytes);
        Files.deleteIfExists(file.resolveSibling("." + file.getFileName() + ".crc"));
    }

    private static List<String> names(Path directory) {
        try (var files = Files.list(directory)) {
            return new ArrayList<>(files.map(file -> file.getFileName().toString())
                    .filter(name -> !name.endsWith(".crc"))
                    .sorted()
                    .toList());
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
