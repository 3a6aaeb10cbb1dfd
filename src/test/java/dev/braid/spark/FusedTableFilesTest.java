package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.decode.RowPolicy;
import dev.braid.progress.FusionProgress;
import dev.braid.publish.Partitioning;
import dev.braid.publish.Shard;
import dev.braid.tables.Snapshots;
import dev.braid.tables.SourceTable;
import dev.braid.task.OutputFiles;
import dev.braid.task.VectorForm;
import dev.braid.tensor.Precision;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.column.Encoding;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.metadata.BlockMetaData;
import org.apache.parquet.hadoop.metadata.ColumnChunkMetaData;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The files of a fused table next to the {@code Dataset} of the same fusion. */
@ExtendWith(SharedSpark.class)
class FusedTableFilesTest {
    private static final GoldenTable GOLDEN = GoldenTable.read("odd-sizes");
    /** Kept columns of every kind: levels, nulls, bytes that are no text, old dates. */
    private static final Map<String, String> KEPT = Map.of(
            "bytes",
            "cast(X'ff00fe' as string)",
            "list",
            "if(id = 'p-1', null, array(1, null, 3))",
            "nested",
            "named_struct('m', map('b', 1D, 'a', null), 'l', array(array(1f), array(), null))",
            "moment",
            "timestamp'1582-10-10 01:02:03.123456'",
            "day",
            "date'0001-01-01'",
            "amount",
            "cast(-12.345 as decimal(30, 3))",
            "number",
            "if(id = 'p-2', null, float('NaN'))");

    private final SparkSession spark;

    @TempDir
    private Path directory;

    FusedTableFilesTest(SparkSession spark) {
        this.spark = spark;
    }

    @ParameterizedTest
    @EnumSource
    void filesHoldTheRowsOfTheDataset(VectorForm form) throws IOException {
        List<String> kept = KEPT.keySet().stream().sorted().toList();
        FusionConfig config = config(kept, form);
        FusionProgress datasets = FusionProgress.start(spark.sparkContext());
        FusionProgress files = FusionProgress.start(spark.sparkContext());
        try (FusionEngine engine = FusionEngine.open(spark, GOLDEN.checkpoint(), Optional.empty(), config)) {
            PairedTable table = PairedTable.of(table().repartition(3), config.columns());
            Dataset<Row> expected = engine.fuse(table, datasets);
            List<Row> rows = sorted(expected);
            engine.write(
                    table,
                    directory.toString(),
                    "run",
                    Tables.goodKeys(GOLDEN.rows()),
                    new OutputFiles.Grouping(OptionalInt.empty(), 0, Partitioning.NONE),
                    files);
            for (boolean vectorized : new boolean[] {true, false}) {
                SparkSession reader = spark.newSession();
                reader.conf().set("spark.sql.parquet.enableVectorizedReader", vectorized);
                reader.conf().set("spark.sql.parquet.datetimeRebaseModeInRead", "CORRECTED");
                Dataset<Row> written = reader.read().parquet(directory.toString());
                assertThat(written.schema().toDDL())
                        .isEqualTo(expected.schema().asNullable().toDDL());
                assertThat(sorted(written)).isEqualTo(rows);
            }
        }
        assertThat(files.fingerprint()).isEqualTo(datasets.fingerprint());
        assertThat(files.rows()).isEqualTo(GOLDEN.rows());
    }

    @Test
    void filesOfOtherAttemptsAreGone() throws IOException {
        write(spark);
        try (var files = Files.list(directory)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .allMatch(name -> name.matches(
                            "(\\.part-.*\\.crc)|(part-0000\\d-run\\.zstd\\.parquet)|_shards|_attempts|_quarantine"));
        }
    }

    /** A driver that was taken for dead may still name a file, of other rows. */
    @Test
    void driversThatFindOtherRowsInAPartitionNameTheirFilesOtherwise() throws IOException {
        FusionConfig config = config(List.of(), VectorForm.ARRAY);
        SourceTable source = Snapshots.of(table(), config.columns().features());
        Dataset<Row> selected = new ColumnCheck(List.of(source), config.columns(), new ArrayList<>())
                .select()
                .get(0);
        PairedTable snapshot = PairedTable.stored(source, selected, config.columns());
        String run = "5a0f9c3e-52f4-4d6c-9c8e-1f0f0a2b3c4d";
        List<Shard> written = new ArrayList<>();
        try (FusionEngine engine = FusionEngine.open(spark, GOLDEN.checkpoint(), Optional.empty(), config)) {
            for (String driver : List.of("one", "other")) {
                written.addAll(engine.write(
                        snapshot,
                        directory.resolve(driver).toString(),
                        run,
                        Tables.goodKeys(GOLDEN.rows()),
                        new OutputFiles.Grouping(OptionalInt.empty(), 0, Partitioning.NONE),
                        null));
            }
        }
        assertThat(written).extracting(Shard::file).doesNotHaveDuplicates();
        assertThat(written).extracting(Shard::run).containsOnly(run);
    }

    @Test
    void onlyWhatIsNotFinishedIsComputedAgain() throws IOException {
        FusionConfig config = config(List.of(), VectorForm.ARRAY);
        OutputFiles.Grouping files = new OutputFiles.Grouping(OptionalInt.empty(), 0, Partitioning.NONE);
        AuditedKeys keys = Tables.goodKeys(GOLDEN.rows());
        try (FusionEngine engine = FusionEngine.open(spark, GOLDEN.checkpoint(), Optional.empty(), config)) {
            PairedTable table = PairedTable.of(table().repartition(4), config.columns());
            List<Shard> first = engine.write(table, directory.toString(), "run", keys, files, null);
            List<Row> rows = sorted(spark.read().parquet(directory.toString()));
            Shard lost = first.stream()
                    .filter(shard -> shard.rows() > 0)
                    .reduce((one, next) -> next)
                    .orElseThrow();
            // Its task was killed after it had named the file, and another one while it wrote.
            Files.delete(directory.resolve(String.format(
                    Locale.ROOT, "_shards/%05d.json", lost.partitions().get(0))));
            Files.createDirectories(directory.resolve("_attempts"));
            Files.writeString(directory.resolve("_attempts/7-part-00009-run.zstd.parquet"), "half");

            FusionProgress progress = FusionProgress.start(spark.sparkContext());
            assertThat(engine.write(table, directory.toString(), "run", keys, files, progress))
                    .isEqualTo(first);
            assertThat(progress.rows()).isEqualTo(lost.rows()).isLessThan(GOLDEN.rows());
            assertThat(progress.finishedRows()).isEqualTo(GOLDEN.rows() - lost.rows());
            assertThat(progress.finishedTokens() + progress.tokens())
                    .isEqualTo(first.stream().mapToLong(Shard::tokens).sum());
            assertThat(sorted(spark.read().parquet(directory.toString()))).isEqualTo(rows);
        }
        assertThat(directory.resolve("_attempts")).isEmptyDirectory();
    }

    @Test
    void vectorsAreWrittenWithoutDictionaryAndEverythingWithZstd() throws IOException {
        write(spark);
        for (BlockMetaData block : blocks()) {
            for (ColumnChunkMetaData chunk : block.getColumns()) {
                String column = chunk.getPath().toDotString();
                assertThat(chunk.getCodec()).isEqualTo(CompressionCodecName.ZSTD);
                // Keys are so few here that a dictionary would only add to them.
                assertThat(chunk.getEncodings().stream().anyMatch(Encoding::usesDictionary))
                        .as(column)
                        .isEqualTo(column.equals("day"));
                assertThat(chunk.getStatistics().hasNonNullValue()).as(column).isTrue();
                assertThat(chunk.getOffsetIndexReference()).as(column).isNotNull();
            }
        }
    }

    @Test
    void whatTheUserSetForWritingStays() throws IOException {
        SparkSession session = spark.newSession();
        session.conf().set("spark.sql.parquet.compression.codec", "gzip");
        session.conf().set("parquet.block.size", 1024);
        session.conf().set("parquet.enable.dictionary", false);
        write(session);
        assertThat(blocks())
                .isNotEmpty()
                .allSatisfy(block -> assertThat(block.getColumns()).allSatisfy(chunk -> {
                    assertThat(chunk.getCodec()).isEqualTo(CompressionCodecName.GZIP);
                    assertThat(chunk.getEncodings()).noneMatch(Encoding::usesDictionary);
                }));
    }

    @Test
    void aTableWithoutRowsHasOneFileWithItsColumns() throws IOException {
        FusionConfig config = config(List.of("day"), VectorForm.INT8);
        try (FusionEngine engine = FusionEngine.open(spark, GOLDEN.checkpoint(), Optional.empty(), config)) {
            PairedTable none = PairedTable.of(table().filter("id = 'nobody'"), config.columns());
            engine.write(
                    none,
                    directory.toString(),
                    "run",
                    Tables.goodKeys(GOLDEN.rows()),
                    new OutputFiles.Grouping(OptionalInt.empty(), 0, Partitioning.NONE),
                    null);
            Dataset<Row> written = spark.read().parquet(directory.toString());
            assertThat(written.count()).isZero();
            assertThat(written.schema().toDDL())
                    .isEqualTo(engine.fuse(none, null).schema().asNullable().toDDL());
        }
        assertThat(files()).hasSize(1);
    }

    private void write(SparkSession session) throws IOException {
        FusionConfig config = config(List.of("day"), VectorForm.ARRAY);
        Dataset<Row> table = table(session).repartition(2);
        try (FusionEngine engine = FusionEngine.open(session, GOLDEN.checkpoint(), Optional.empty(), config)) {
            engine.write(
                    PairedTable.of(table, config.columns()),
                    directory.toString(),
                    "run",
                    Tables.goodKeys(GOLDEN.rows()),
                    new OutputFiles.Grouping(OptionalInt.empty(), 0, Partitioning.NONE),
                    null);
        }
    }

    private FusionConfig config(List<String> kept, VectorForm form) {
        return new FusionConfig(
                GOLDEN.columns().keeping(kept),
                64,
                false,
                form == VectorForm.ARRAY ? Set.of(Emitted.values()) : Set.of(Emitted.POOLED, Emitted.TOKENS),
                form,
                Precision.FLOAT32,
                RowPolicy.FAIL);
    }

    private Dataset<Row> table() {
        return table(spark);
    }

    private static Dataset<Row> table(SparkSession session) {
        Dataset<Row> table = GOLDEN.paired(session, GoldenTable.NESTED);
        for (Map.Entry<String, String> column : KEPT.entrySet()) {
            table = table.withColumn(column.getKey(), org.apache.spark.sql.functions.expr(column.getValue()));
        }
        return table;
    }

    /** As text, in which NaN equals itself and bytes are shown. */
    private static List<Row> sorted(Dataset<Row> rows) {
        return rows
                .selectExpr("id", "to_json(struct(*)) as all", "hex(cast(id as binary)) as key")
                .collectAsList()
                .stream()
                .sorted(Comparator.comparing(row -> row.getString(0)))
                .toList();
    }

    private List<Path> files() throws IOException {
        try (var files = Files.list(directory)) {
            return files.filter(file -> file.toString().endsWith(".parquet")).toList();
        }
    }

    private List<BlockMetaData> blocks() throws IOException {
        return files().stream().flatMap(file -> blocks(file).stream()).toList();
    }

    private static List<BlockMetaData> blocks(Path file) {
        org.apache.hadoop.fs.Path path = new org.apache.hadoop.fs.Path(file.toString());
        try (ParquetFileReader reader = ParquetFileReader.open(HadoopInputFile.fromPath(path, new Configuration()))) {
            return reader.getFooter().getBlocks();
        } catch (IOException failure) {
            throw new java.io.UncheckedIOException(failure);
        }
    }
}
