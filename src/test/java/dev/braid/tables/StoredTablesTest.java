package dev.braid.tables;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.decode.RowPolicy;
import dev.braid.rows.FileColumns;
import dev.braid.spark.FeatureTables;
import dev.braid.spark.PairedTable;
import dev.braid.spark.SharedSpark;
import dev.braid.spark.TableColumns;
import dev.braid.spark.Tables;
import dev.braid.storage.Footers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.parquet.crypto.DecryptionPropertiesFactory;
import org.apache.parquet.crypto.FileDecryptionProperties;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tables as programs other than Spark write them, and directories as people keep them. */
@ExtendWith(SharedSpark.class)
class StoredTablesTest {
    private static final String VALUES = "WrappedArray|ArraySeq|ArrayBuffer";

    private final SparkSession spark;

    @TempDir
    private Path directory;

    StoredTablesTest(SparkSession spark) {
        this.spark = spark;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "optional int64 spare (TIMESTAMP(NANOS,true));",
                "optional int64 spare (TIME(NANOS,false));",
                "optional int64 spare (TIME(MICROS,false));",
                "optional fixed_len_byte_array(2) spare (FLOAT16);",
                "optional fixed_len_byte_array(16) spare (UUID);",
                "optional group spare (LIST) { repeated group list { optional fixed_len_byte_array(2) e (FLOAT16); } }",
                "optional group spare { optional int64 at (TIMESTAMP(NANOS,true)); optional int32 n; }",
                "optional int32 spare; optional int32 SPARE;",
                "optional int32 Label; optional int64 label (TIMESTAMP(NANOS,true));"
            })
    void aColumnThatNothingNeedsDoesNotMatter(String spare) throws IOException {
        Path file = ParquetFiles.write(directory.resolve("p.parquet"), 2, 1, spare, builder -> builder);
        assertRows(open(spark, file));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "optional int64 label (TIMESTAMP(NANOS,true))"
                        + ";TIMESTAMP(NANOS,true);store it in microseconds, or set"
                        + " 'spark.sql.legacy.parquet.nanosAsLong' to true",
                "optional fixed_len_byte_array(2) label (FLOAT16)" + ";FLOAT16;store it as float32",
                "optional int64 label (TIME(MICROS,false))"
                        + ";TIME(MICROS,false);store it as a whole number of microseconds, or set"
                        + " 'spark.sql.timeType.enabled' to true (Spark 4.1 or newer)",
                "optional int32 label (TIME(MILLIS,true));TIME(MILLIS,true);store it as a type that Spark reads"
            })
    void aNeededColumnThatSparkCannotReadIsNamedWithItsTypeAndTheWayOut(String column, String type, String way)
            throws IOException {
        Path file = ParquetFiles.write(directory.resolve("p.parquet"), 2, 1, column + ";", builder -> builder);
        assertThatThrownBy(() -> open(spark, file, "label"))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot open feature tables:\n  table '" + file + "': expected column 'label' (kept) of a"
                        + " type that Spark reads, got Parquet type '" + type + "'; " + way);
    }

    @Test
    void anUnsignedLengthIsRefusedWithTheWayOut() throws IOException {
        Path file = ParquetFiles.write(
                directory.resolve("p.parquet"), 2, 1, "optional int64 n (INTEGER(64,false));", builder -> builder);
        TableColumns columns = new TableColumns(
                "id",
                List.of(),
                List.of(new FeatureColumn(
                        new ModalityConfig("visual", 2), "visual", null, null, SelectionColumn.length("n"))));
        assertThatThrownBy(() -> Tables.paired(spark, file.toString(), columns))
                .isInstanceOf(InputException.class)
                .hasMessage(
                        "Cannot open feature tables:\n  table '" + file + "': expected column 'n' of tinyint, smallint,"
                                + " int or bigint (length of 'visual'), got decimal(20,0); store it signed (int64)");
    }

    @Test
    void settingsOfTheSessionDecideHowAColumnIsRead() throws IOException {
        Path file = ParquetFiles.write(
                directory.resolve("p.parquet"),
                2,
                1,
                "optional int64 at (TIMESTAMP(NANOS,true)); optional binary bytes;",
                builder -> builder);
        SparkSession session = spark.newSession();
        session.conf().set("spark.sql.legacy.parquet.nanosAsLong", true);
        session.conf().set("spark.sql.parquet.binaryAsString", true);
        Dataset<Row> rows =
                open(session, file, "at", "bytes").pair(OptionalInt.empty()).rows();
        assertThat(rows.schema().fields()[1].dataType()).isEqualTo(DataTypes.LongType);
        assertThat(rows.schema().fields()[2].dataType()).isEqualTo(DataTypes.StringType);
    }

    @Test
    void binaryFeaturesStayBinaryWhereTheSessionReadsBytesAsText() throws IOException {
        Path file =
                ParquetFiles.write(directory.resolve("p.parquet"), 2, 1, "optional binary bytes;", builder -> builder);
        SparkSession session = spark.newSession();
        session.conf().set("spark.sql.parquet.binaryAsString", true);
        TableColumns columns = new TableColumns(
                "id", List.of(), List.of(new FeatureColumn(new ModalityConfig("visual", 2), "bytes", null)));
        Dataset<Row> rows = Tables.paired(session, file.toString(), columns)
                .pair(OptionalInt.empty())
                .rows();
        assertThat(rows.schema().fields()[1].dataType()).isEqualTo(DataTypes.BinaryType);
        assertThat(rows.collectAsList()).hasSize(2);
    }

    @Test
    void namesThatDifferInCaseAreTwoColumnsToACaseSensitiveSession() throws IOException {
        Path file = ParquetFiles.write(
                directory.resolve("p.parquet"), 2, 1, "optional int32 ID; optional int32 Visual;", builder -> builder);
        assertThatThrownBy(() -> open(spark, file))
                .hasMessageContaining("expected column 'id' (key), got 2 columns that differ in case only")
                .hasMessageContaining("expected column 'visual' (features of 'visual'), got 2 columns that differ");
        SparkSession session = spark.newSession();
        session.conf().set("spark.sql.caseSensitive", true);
        assertRows(open(session, file));
    }

    @Test
    void twoColumnsOfOneNameAreNoMatterOfCase() {
        Dataset<Row> twice =
                spark.range(1).selectExpr("id", "id as id", "array(1f, 2f) as visual", "array(1f, 2f) as text");
        assertThatThrownBy(() -> PairedTable.of(twice, columns()))
                .hasMessageContaining(
                        "table 'paired': expected column 'id' (key), got 2 columns of the same name; rename all but one");
    }

    @Tag("slow")
    @Test
    void anEncodingThatOnlyParquetJavaDecodesIsReadRowByRow() throws IOException {
        Path file = ParquetFiles.write(
                directory.resolve("p.parquet"),
                2,
                1,
                "",
                builder -> builder.withDictionaryEncoding(false).withByteStreamSplitEncoding(true));
        assertThat(SourceTables.open(
                                SparkSettings.reading(spark),
                                new InputTables(spark),
                                file.toString(),
                                columns().features(),
                                List.of("id"))
                        .rows()
                        .vectorized())
                .isFalse();
        assertRows(open(spark, file));
    }

    @Test
    void theBatchFitsTheLargestRowGroupWhereverItIs() throws IOException {
        for (int f = 0; f < 9; f++) {
            ParquetFiles.write(directory.resolve("t/a" + f + ".parquet"), f < 8 ? 0 : 5, 1, "", builder -> builder);
        }
        ParquetFiles.write(directory.resolve("t/z.parquet"), 3, 100_000, "", builder -> builder);
        SparkSession session = open(spark, directory.resolve("t"))
                .pair(OptionalInt.empty())
                .rows()
                .sparkSession();
        assertThat(Integer.parseInt(session.conf().get("spark.sql.parquet.columnarReaderBatchSize")))
                .isBetween(1, 3);
    }

    /** parquet-java looks at the size of a page after 100 values, Arrow after 1,024. */
    @Test
    void aPageOfLargeValuesIsCountedAsLargeAsItsWriterMakesIt() throws IOException {
        spark.range(0, 400, 1, 1)
                .selectExpr("id", "encode(repeat('x', 40000), 'utf-8') as blob")
                .write()
                .option("parquet.enable.dictionary", "false")
                .parquet(directory.resolve("t").toString());
        org.apache.hadoop.conf.Configuration hadoop = new org.apache.hadoop.conf.Configuration();
        List<org.apache.hadoop.fs.FileStatus> files =
                TableFiles.at(directory.resolve("t").toString(), hadoop).files();
        long id = 400 * Long.BYTES;
        assertThat(Footers.read(files, name -> true, hadoop).rows().largestPages())
                .isBetween(100 * 40_000 + id, 100 * 40_100 + id + 100);
        assertThat(Footers.read(files, "id"::equals, hadoop).rows().largestPages())
                .isBetween(id, id + 100);
    }

    @Test
    void aSmallFileOfSeveralRowGroupsFillsTheSlots() throws IOException {
        Path file = ParquetFiles.write(
                directory.resolve("p.parquet"),
                8,
                2000,
                "",
                builder -> builder.withDictionaryEncoding(false)
                        .withRowGroupSize(1L)
                        .withMinRowCountForPageSizeCheck(1)
                        .withMaxRowCountForPageSizeCheck(1));
        FeatureTables tables = open(spark, file);
        assertThat(tables.audit(RowPolicy.FAIL).rows()).isEqualTo(8);
        assertThat(tables.pair(OptionalInt.empty()).rows().toJavaRDD().glom().collect().stream()
                        .filter(rows -> !rows.isEmpty()))
                .hasSizeGreaterThanOrEqualTo(4);
    }

    @Test
    void aTableWithoutRowsHasSmallBatches() throws IOException {
        Path file = ParquetFiles.write(directory.resolve("p.parquet"), 0, 1, "", builder -> builder);
        SparkSession session =
                open(spark, file).pair(OptionalInt.empty()).rows().sparkSession();
        assertThat(session.conf().get("spark.sql.parquet.columnarReaderBatchSize"))
                .isEqualTo("8");
    }

    @Test
    void metadataMarkersAndEmptyFilesAreAsIfNotThere() throws IOException {
        Path table = directory.resolve("table");
        ParquetFiles.write(table.resolve("p.parquet"));
        for (String name : List.of("_SUCCESS", "_metadata", "_common_metadata", ".hidden", "a-empty.parquet")) {
            Files.createFile(table.resolve(name));
        }
        Files.write(table.resolve("_metadata"), Files.readAllBytes(table.resolve("p.parquet")));
        assertRows(open(spark, table));
        SourceTable source = SourceTables.open(
                SparkSettings.reading(spark),
                new InputTables(spark),
                table.toString(),
                columns().features(),
                List.of("id"));
        assertThat(source.rows().rows()).isEqualTo(2);
    }

    @Test
    void partitionValuesStayTheStringsThatTheyAre() throws IOException {
        ParquetFiles.write(directory.resolve("t/zip=01234/p.parquet"), 1, 1, "optional int32 zip;", builder -> builder);
        FeatureTables tables = open(spark, directory.resolve("t"), "zip");
        assertThat(tables.pair(OptionalInt.empty()).rows().first().get(1)).isEqualTo("01234");
        SparkSession inferring = spark.newSession();
        inferring.conf().set("spark.sql.sources.partitionColumnTypeInference.enabled", true);
        assertThat(open(inferring, directory.resolve("t"), "zip")
                        .pair(OptionalInt.empty())
                        .rows()
                        .first()
                        .get(1))
                .isEqualTo(1234);
    }

    @Tag("slow")
    @ParameterizedTest
    @ValueSource(strings = {"a[1]", "x*", "{b}", "run_2024-01-01T00:00:00", "a b", "50%20", "h#1", "图像", "q?", "a=b:c"})
    void aPathThatExistsIsNoPattern(String name) throws IOException {
        ParquetFiles.write(directory.resolve(name + "/p.parquet"));
        ParquetFiles.write(directory.resolve("a1/p.parquet"));
        assertRows(open(spark, directory.resolve(name)));
        assertRows(open(spark, directory.resolve(name + "/p.parquet")));
    }

    /** Not under Hadoop's defaults, which take ten times as long to parse as a footer. */
    @Test
    void footersAreReadUnderTheSettingsOfTheRun() throws IOException {
        ParquetFiles.write(directory.resolve("t/a.parquet"));
        ParquetFiles.write(directory.resolve("t/b.parquet"));
        Configuration hadoop = new Configuration();
        hadoop.setClass("parquet.crypto.factory.class", NoKeys.class, DecryptionPropertiesFactory.class);
        NoKeys.ASKED.set(0);
        List<FileStatus> files =
                TableFiles.at(directory.resolve("t").toString(), hadoop).files();
        assertThat(Footers.read(files, name -> true, hadoop).rows().rows()).isEqualTo(4);
        assertThat(NoKeys.ASKED).hasValue(2);
    }

    /** Counts how often it is asked. */
    public static final class NoKeys implements DecryptionPropertiesFactory {
        private static final AtomicInteger ASKED = new AtomicInteger();

        @Override
        public FileDecryptionProperties getFileDecryptionProperties(
                Configuration hadoop, org.apache.hadoop.fs.Path file) {
            ASKED.incrementAndGet();
            return null;
        }
    }

    @Test
    void filesThatSparkWouldLeaveOutAreRefused() throws IOException {
        Path above = ParquetFiles.write(directory.resolve("t/a.parquet"));
        Path below = ParquetFiles.write(directory.resolve("t/sub/b.parquet"));
        assertThatThrownBy(() -> open(spark, directory.resolve("t")))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("expected all files in the directory itself, or all in directories named"
                        + " 'column=value' of the same columns, got 'file:" + above + "' and 'file:" + below + "'");
    }

    @ParameterizedTest
    @ValueSource(strings = {"k=1", "k=1/j=2", "j=1"})
    void filesOfOtherPartitionColumnsAreRefused(String other) throws IOException {
        ParquetFiles.write(directory.resolve(other.equals("j=1") ? "t/k=1/a.parquet" : "t/a.parquet"));
        ParquetFiles.write(directory.resolve("t/" + other + "/b.parquet"));
        assertThatThrownBy(() -> open(spark, directory.resolve("t")))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("expected all files in the directory itself, or all in directories named");
    }

    @ParameterizedTest
    @CsvSource({
        "_delta_log, a Delta table, .",
        "_delta_log, a Delta table, k=1",
        "_delta_log, a Delta table, k=1/j=2/*.parquet",
        ".hoodie, a Hudi table, .",
        "metadata, an Iceberg table, k=1",
        "_spark_metadata, the output of a streaming query, .",
        "_spark_metadata, the output of a streaming query, k=1/j=2/*.parquet"
    })
    void aTableThatKeepsAListOfItsFilesIsRefusedByName(String mark, String label, String path) throws IOException {
        ParquetFiles.write(directory.resolve("t/k=1/j=2/p.parquet"));
        Files.createDirectories(directory.resolve("t/" + mark));
        if (mark.equals("metadata")) {
            assertRows(open(spark, directory.resolve("t").resolve(path)));
            Files.createFile(directory.resolve("t/metadata/v1.metadata.json"));
        }
        assertThatThrownBy(() -> open(spark, directory.resolve("t").resolve(path)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("expected Parquet files that are all current, got " + label + " ('file:"
                        + directory.resolve("t") + "')")
                .hasMessageContaining("write its current rows as Parquet first");
    }

    @Test
    void sparksNotesAreReadColumnByColumnAndAStaleOneIsIgnored() throws IOException {
        String path = directory.resolve("spark").toString();
        spark.range(2)
                .selectExpr("string(id) as id", "array(1f, 2f) as visual", "interval '1' year as kept", "id as other")
                .write()
                .parquet(path);
        List<FileColumns.FileColumn> columns = new FileColumns(java.util.Map.of())
                .of(new Footers.Schema(
                        Footers.read(
                                        TableFiles.at(path, new org.apache.hadoop.conf.Configuration())
                                                .files(),
                                        name -> true,
                                        new org.apache.hadoop.conf.Configuration())
                                .first()
                                .type(),
                        "{\"type\":\"struct\",\"fields\":[{\"name\":\"id\",\"type\":\"string\",\"nullable\":true,"
                                + "\"metadata\":{\"comment\":\"a \\\"]},{, key\"}},{\"name\":\"visual\",\"type\":"
                                + "{\"type\":\"udt\",\"class\":\"no.such.Class\",\"sqlType\":\"long\"},"
                                + "\"nullable\":true,\"metadata\":{}},{\"name\":\"kept\",\"type\":"
                                + "\"interval year\",\"nullable\":true,\"metadata\":{}},{\"name\":\"other\",\"type\":"
                                + "\"interval year\",\"nullable\":true,\"metadata\":{}}]}"));
        assertThat(columns.get(0).field().metadata().getString("comment")).isEqualTo("a \"]},{, key");
        assertThat(columns.get(1).field().dataType().catalogString()).isEqualTo("array<float>");
        assertThat(columns.get(2).field().dataType().catalogString()).isEqualTo("interval year");
        assertThat(columns.get(3).field().dataType().catalogString()).isEqualTo("bigint");
        Dataset<Row> rows = spark.read().parquet(path);
        assertThat(rows.schema().fields()[2].dataType().catalogString()).startsWith("interval year");
    }

    @Test
    void theOrderOfAuditAndPairDoesNotMatter() throws IOException {
        Path visual = ParquetFiles.write(directory.resolve("v/p.parquet"));
        Path text = ParquetFiles.write(directory.resolve("t/p.parquet"));
        FeatureTables tables = Tables.perModality(
                spark, java.util.Map.of("visual", visual.toString(), "text", text.toString()), columns());
        PairedTable paired = tables.pair(OptionalInt.of(5));
        assertThat(tables.audit(RowPolicy.FAIL).rows()).isEqualTo(2);
        assertThat(paired.rows().toJavaRDD().getNumPartitions()).isEqualTo(5);
        assertThat(tables.pair(OptionalInt.empty()).rows().toJavaRDD().getNumPartitions())
                .as("spark.sql.shuffle.partitions of these tests")
                .isEqualTo(2);
    }

    @Test
    void aFileThatGrewMeanwhileIsNotReadToItsOldEnd() throws IOException {
        Path file = ParquetFiles.write(directory.resolve("t/p.parquet"));
        FeatureTables tables = open(spark, file);
        ParquetFiles.write(
                file,
                20,
                1,
                "",
                builder -> builder.withWriteMode(org.apache.parquet.hadoop.ParquetFileWriter.Mode.OVERWRITE));
        assertThatThrownBy(() -> tables.audit(RowPolicy.FAIL)).isNotNull();
    }

    private static FeatureTables open(SparkSession session, Path path, String... keep) {
        return Tables.paired(session, path.toString(), columns(keep));
    }

    private static TableColumns columns(String... keep) {
        return new TableColumns(
                "id",
                Arrays.asList(keep),
                List.of(
                        new FeatureColumn(new ModalityConfig("visual", 2), "visual", null),
                        new FeatureColumn(new ModalityConfig("text", 2), "text", null)));
    }

    private static void assertRows(FeatureTables tables) {
        assertThat(tables.audit(RowPolicy.FAIL).rows()).isEqualTo(2);
        assertThat(tables.pair(OptionalInt.empty())
                        .rows()
                        .collectAsList()
                        .toString()
                        .replaceAll(VALUES, ""))
                .isEqualTo("[[a,(0.0, 0.5),(0.0, 0.5)], [b,(0.0, 0.5),(0.0, 0.5)]]");
    }
}
