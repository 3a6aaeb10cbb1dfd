package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.batch.ElementType;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.decode.RowPolicy;
import dev.braid.publish.FusedTable;
import dev.braid.publish.Written;
import dev.braid.rows.FeatureType;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.SelectionColumn;
import dev.braid.tables.SourceTables;
import dev.braid.task.FusedColumn;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(SharedSpark.class)
class FeatureTablesTest {
    private static final String FEATURES = "array(array(1f, 2f), array(3f, 4f))";

    private final SparkSession spark;

    @TempDir
    private Path directory;

    FeatureTablesTest(SparkSession spark) {
        this.spark = spark;
    }

    @Test
    void onePairedTableKeepsItsSplitsUnlessAskedOtherwise() {
        String path = write("paired", 3, "id", FEATURES + " as visual", FEATURES + " as text", "id + 1 as other");
        FeatureTables tables = Tables.paired(spark, path, columns("id", "other"));
        assertThat(tables.audit(RowPolicy.FAIL).rows()).isEqualTo(10);
        Dataset<Row> rows = tables.pair(OptionalInt.empty()).rows();
        assertThat(rows.columns()).containsExactly("key", "keep0", "feature0", "feature1");
        assertThat(rows.toJavaRDD().getNumPartitions()).isLessThanOrEqualTo(3);
        assertThat(tables.pair(OptionalInt.of(5)).rows().toJavaRDD().getNumPartitions())
                .isEqualTo(5);
        assertThat(rows.first().getLong(1) - rows.first().getLong(0)).isEqualTo(1);
    }

    @Test
    void aTaskCountsTheKeysOf256MiBAndNoMoreTasksDoThanTheUserSet() {
        assertThat(SourceTables.auditTasks(0, OptionalInt.empty())).isEqualTo(1);
        assertThat(SourceTables.auditTasks(1_000_000, OptionalInt.empty())).isEqualTo(5);
        assertThat(SourceTables.auditTasks(1_000_000, OptionalInt.of(200))).isEqualTo(5);
        assertThat(SourceTables.auditTasks(1_000_000, OptionalInt.of(3))).isEqualTo(3);
        assertThat(SourceTables.auditTasks(1L << 62, OptionalInt.empty())).isEqualTo(Integer.MAX_VALUE);
    }

    @Test
    void tablesAreJoinedOnTheKeyInOneShuffleEach() {
        String visual = write("visual", 2, "id", "array(float(id), 0f) as features");
        String text = write("text", 3, "9 - id as id", "array(float(9 - id), 1f) as features");
        TableColumns columns = new TableColumns(
                "id", List.of(), List.of(feature("visual", "features", null), feature("text", "features", null)));
        FeatureTables tables = Tables.perModality(spark, Map.of("visual", visual, "text", text), columns);
        assertThat(tables.audit(RowPolicy.FAIL).rows()).isEqualTo(10);
        Dataset<Row> rows = tables.pair(OptionalInt.of(3)).rows();
        String plan = rows.queryExecution().executedPlan().toString();
        assertThat(plan.split("Exchange hashpartitioning", -1)).hasSize(3);
        assertThat(plan).contains("SortMergeJoin").doesNotContain("Broadcast");
        assertThat(rows.toJavaRDD().getNumPartitions()).isEqualTo(3);
        for (Row row : rows.collectAsList()) {
            assertThat(row.getList(1)).isEqualTo(List.of((float) row.getLong(0), 0f));
            assertThat(row.getList(2)).isEqualTo(List.of((float) row.getLong(0), 1f));
        }
        assertThat(tables.pair(OptionalInt.empty()).rows().count()).isEqualTo(10);
    }

    @Test
    void threeTablesJoinAndModalitiesOfOnePathShareATable() {
        String both = write("both", 1, "id", FEATURES + " as visual", FEATURES + " as text", "'x' as label");
        String audio = write("audio", 1, "id", FEATURES + " as audio");
        TableColumns columns = new TableColumns(
                "id",
                List.of("label"),
                List.of(
                        feature("visual", "visual", null),
                        feature("audio", "audio", null),
                        feature("text", "text", null)));
        FeatureTables tables = Tables.perModality(spark, Map.of("visual", both, "text", both, "audio", audio), columns);
        assertThat(tables.audit(RowPolicy.FAIL).rows()).isEqualTo(10);
        Dataset<Row> rows = tables.pair(OptionalInt.empty()).rows();
        assertThat(rows.columns()).containsExactly("key", "keep0", "feature0", "feature1", "feature2");
        assertThat(rows.count()).isEqualTo(10);
        assertThat(rows.first().getString(1)).isEqualTo("x");
    }

    @Test
    void namesAreFoundAsSparkFindsThemAndDotsAndBackticksArePartOfThem() {
        String path = write("odd names", 1, "id as `a.b``c`", FEATURES + " as Visual", FEATURES + " as `text.x`");
        TableColumns columns = new TableColumns(
                "A.b`C", List.of(), List.of(feature("visual", "visual", null), feature("text", "text.x", null)));
        assertThat(Tables.paired(spark, path, columns).audit(RowPolicy.FAIL).rows())
                .isEqualTo(10);
        SparkSession strict = spark.newSession();
        strict.conf().set("spark.sql.caseSensitive", true);
        assertProblems(
                () -> Tables.paired(strict, path, columns),
                "Cannot open feature tables",
                "table '" + path + "': expected column 'A.b`C' (key), got none of that name; the nearest is 'a.b`c'",
                "table '" + path + "': expected column 'visual' (features of 'visual'), got none of that name; the"
                        + " nearest is 'Visual'");
    }

    @Test
    void patternsAndFilesAreReadAsSparkReadsThem() throws IOException {
        String path = write("parts", 4, "id", FEATURES + " as visual", FEATURES + " as text");
        assertThat(Tables.paired(spark, directory + "/par*", columns("id"))
                        .audit(RowPolicy.FAIL)
                        .rows())
                .isEqualTo(10);
        try (var files = Files.list(Path.of(path))) {
            String file = files.filter(f -> f.toString().endsWith(".parquet"))
                    .findFirst()
                    .orElseThrow()
                    .toString();
            assertThat(Tables.paired(spark, file, columns("id"))
                            .audit(RowPolicy.FAIL)
                            .rows())
                    .isBetween(1L, 9L);
        }
    }

    @Test
    void allProblemsOfAllTablesStandInOneMessage() throws IOException {
        String visual = write("visual", 1, "id", "'x' as visual", "1 as label", "2 as one");
        String text = write("text", 1, "string(id) as id", FEATURES + " as text", "1 as label");
        TableColumns columns = new TableColumns(
                "id",
                List.of("label", "on", "FUSED", "one", "one"),
                List.of(feature("visual", "visual", null), feature("text", "text", ElementType.FLOAT16)));
        assertProblems(
                () -> Tables.perModality(spark, Map.of("visual", visual, "text", text), columns),
                "Cannot open feature tables",
                "table '" + text + "': expected key 'id' of type bigint (table '" + visual + "'), got string",
                "output column 'FUSED': expected one column of that name among the key, the kept columns and "
                        + String.join(", ", FusedColumn.NAMES) + ", got two",
                "output column 'one': expected one column of that name among the key, the kept columns and "
                        + String.join(", ", FusedColumn.NAMES) + ", got two",
                "kept column 'label': expected it in one table, got it in '" + visual + "', '" + text + "'",
                "kept column 'on': expected it in one table, got none of that name; the nearest is 'one'",
                "kept column 'FUSED': expected it in one table, got none of that name; the nearest is 'id'",
                "table '" + visual + "': expected column 'visual' of " + FeatureType.EXPECTED
                        + " (features of 'visual'), got string",
                "table '" + text + "': expected column 'text' of binary (dtype float16 of 'text'), got"
                        + " array<array<float>>");
    }

    @Test
    void masksAndLengthsAreReadFromTheTableOfTheirModality() {
        String visual = write("visual", 1, "id", FEATURES + " as visual", "array(true, false) as kept", "id as n");
        String text = write("text", 1, "id", FEATURES + " as text", "cast(1 + id % 2 as tinyint) as N");
        TableColumns columns = selecting(SelectionColumn.mask("kept"), SelectionColumn.length("n"));
        Dataset<Row> rows = Tables.perModality(spark, Map.of("visual", visual, "text", text), columns)
                .pair(OptionalInt.empty())
                .rows();
        assertThat(rows.columns()).containsExactly("key", "feature0", "selection0", "feature1", "selection1");
        assertThat(rows.schema().toDDL()).contains("selection0 ARRAY<BOOLEAN>").endsWith("selection1 TINYINT");
        Dataset<Row> one = Tables.perModality(
                        spark, Map.of("visual", visual, "text", text), selecting(null, SelectionColumn.length("n")))
                .pair(OptionalInt.empty())
                .rows();
        assertThat(one.columns()).containsExactly("key", "feature0", "feature1", "selection1");
        assertThat(one.first().get(3)).isInstanceOf(Byte.class);
    }

    @Test
    void everyProblemOfAMaskOrLengthStandsBesideTheOthers() {
        String visual = write("visual", 1, "id", FEATURES + " as visual", "array('x') as kept", "1 as other");
        String text = write("text", 1, "id", "1 as text", "1.5 as n", "array(1) as kept");
        assertProblems(
                () -> Tables.perModality(
                        spark,
                        Map.of("visual", visual, "text", text),
                        selecting(SelectionColumn.mask("kept"), SelectionColumn.length("n"))),
                "Cannot open feature tables",
                "table '" + visual + "': expected column 'kept' of an array of boolean, tinyint, smallint, int, bigint,"
                        + " float or double (mask of 'visual'), got array<string>",
                "table '" + text + "': expected column 'text' of " + FeatureType.EXPECTED
                        + " (features of 'text'), got int",
                "table '" + text + "': expected column 'n' of tinyint, smallint, int or bigint (length of 'text'), got"
                        + " decimal(2,1)");
        assertProblems(
                () -> Tables.perModality(
                        spark,
                        Map.of("visual", visual, "text", text),
                        selecting(SelectionColumn.length("kept"), SelectionColumn.mask("kepd"))),
                "Cannot open feature tables",
                "table '" + visual + "': expected column 'kept' of tinyint, smallint, int or bigint (length of"
                        + " 'visual'), got array<string>",
                "table '" + text + "': expected column 'text' of " + FeatureType.EXPECTED
                        + " (features of 'text'), got int",
                "table '" + text + "': expected column 'kepd' (mask of 'text'), got none of that name; the nearest is"
                        + " 'kept'");
    }

    @Test
    void selectionsOfAModalityThatTheModelLacksAreNamedWithTheOthers() {
        ModelConfig model = PairedRows.model(columns("id"), false, Pooling.MEAN);
        assertProblems(
                () -> TableColumns.of(
                        model,
                        "id",
                        List.of(),
                        Map.of("vidoe", "v"),
                        Map.of(),
                        Map.of("visual", "xyxy"),
                        Map.of("txt", SelectionColumn.length("n"), "audio", SelectionColumn.mask("m"))),
                "Cannot choose feature columns",
                "a column for modality 'vidoe': expected 'visual', 'text' (modalities in config.json)",
                "a column of boxes for modality 'visual': expected a modality with boxes, got one without; drop '--boxes"
                        + " visual=xyxy'",
                "a mask for modality 'audio': expected 'visual', 'text' (modalities in config.json)",
                "a length for modality 'txt': expected 'visual', 'text' (modalities in config.json)");
    }

    private static TableColumns selecting(SelectionColumn visual, SelectionColumn text) {
        return new TableColumns(
                "id",
                List.of(),
                List.of(
                        new FeatureColumn(new ModalityConfig("visual", 2), "visual", null, null, visual),
                        new FeatureColumn(new ModalityConfig("text", 2), "text", null, null, text)));
    }

    @Test
    void aPathThatIsMissingOrNotParquetIsNamed() throws IOException {
        String missing = directory.resolve("missing").toString();
        Path broken = Files.createDirectory(directory.resolve("broken"));
        Files.writeString(broken.resolve("part-0.parquet"), "this is no Parquet file at all");
        assertThatThrownBy(() ->
                        Tables.perModality(spark, Map.of("visual", missing, "text", broken.toString()), columns("id")))
                .isInstanceOf(InputException.class)
                .hasMessageStartingWith("Cannot open feature tables:\n  table '" + missing
                        + "': expected a path that exists, got none\n  table '" + broken
                        + "': expected Parquet files, got ")
                .hasMessageContaining("part-0.parquet");
    }

    @Test
    void modalitiesWithoutATableAndTablesWithoutAModalityAreNamed() {
        assertProblems(
                () -> Tables.perModality(spark, Map.of("visual", "x", "vidoe", "y"), columns("id")),
                "Cannot open feature tables",
                "a table for modality 'vidoe': expected 'visual', 'text' (modalities in config.json)",
                "modality 'text': expected a table of its features, got none");
    }

    @Test
    void aKeyWithoutAnOrderIsRefused() {
        String path = write("maps", 1, "map('a', id) as id", FEATURES + " as visual", FEATURES + " as text");
        assertProblems(
                () -> Tables.paired(spark, path, columns("id")),
                "Cannot open feature tables",
                "table '" + path + "': expected key 'id' of a type that has an order, got map<string,bigint>");
    }

    @Test
    void nullKeysDoubleKeysAndMissingKeysAreCountedWithExamples() {
        String visual =
                write("visual", 2, "if(id < 2, null, if(id < 4, 'twice', 'k' || id)) as id", FEATURES + " as visual");
        String text = write("text", 2, "if(id < 8, 'k' || id, null) as id", FEATURES + " as text");
        FeatureTables tables = Tables.perModality(spark, Map.of("visual", visual, "text", text), columns("id"));
        assertProblems(
                () -> tables.audit(RowPolicy.FAIL),
                "Cannot pair rows by key 'id'",
                "table '" + visual + "': expected a key in every row, got null in 2 rows",
                "table '" + visual + "': expected every key once, got 1 key more than once, such as 'twice'",
                "table '" + visual + "': expected every key of '" + text
                        + "', got 4 keys missing, such as 'k0', 'k1', 'k2', 'k3'",
                "table '" + text + "': expected a key in every row, got null in 2 rows",
                "table '" + text + "': expected every key of '" + visual
                        + "', got 3 keys missing, such as 'k8', 'k9', 'twice'");
    }

    @Test
    void fiveExamplesAreEnough() {
        String path = write(
                "twice", 2, "unhex(string(10 + floor(id / 2))) as id", FEATURES + " as visual", FEATURES + " as text");
        Dataset<Row> rows = spark.read().parquet(path);
        String twice = directory.resolve("more").toString();
        rows.union(rows).write().parquet(twice);
        assertProblems(
                () -> Tables.paired(spark, twice, columns("id"))
                        .audit(RowPolicy.FAIL)
                        .rows(),
                "Cannot pair rows by key 'id'",
                "table '" + twice + "': expected every key once, got 5 keys more than once, such as '10', '11', '12',"
                        + " '13', '14'");
    }

    @Test
    void aTableWithoutRowsIsFine() {
        String path = directory.resolve("none").toString();
        spark.range(0)
                .selectExpr("id", FEATURES + " as visual", FEATURES + " as text")
                .write()
                .parquet(path);
        FeatureTables tables = Tables.paired(spark, path, columns("id"));
        assertThat(tables.audit(RowPolicy.FAIL).rows()).isZero();
        assertThat(tables.pair(OptionalInt.empty()).rows().count()).isZero();
    }

    @Test
    void sparkMustNotLeaveOutFiles() {
        SparkSession lenient = spark.newSession();
        lenient.conf().set("spark.sql.files.ignoreCorruptFiles", true);
        assertThatThrownBy(() -> Tables.paired(lenient, "x", columns("id")))
                .isInstanceOf(InputException.class)
                .hasMessage(
                        "Cannot read feature tables: expected 'spark.sql.files.ignoreCorruptFiles' to be false (rows"
                                + " would be lost silently), got true; set it to false");
    }

    @Test
    void aFlippedBitInAPageIsFound() throws IOException {
        String path = write("flipped", 1, "id", "array(float(id), float(rand())) as visual", FEATURES + " as text");
        Path file;
        try (var files = Files.list(Path.of(path))) {
            file = files.filter(f -> f.toString().endsWith(".parquet"))
                    .findFirst()
                    .orElseThrow();
        }
        Files.delete(file.resolveSibling("." + file.getFileName() + ".crc"));
        byte[] bytes = Files.readAllBytes(file);
        bytes[(int) lastByteOf("visual", file)] ^= 1;
        Files.write(file, bytes);
        FeatureTables tables = Tables.paired(spark, path, columns("id"));
        assertThat(tables.audit(RowPolicy.FAIL).rows()).isEqualTo(10);
        FusedTable output = Tables.output(directory + "/out", false, List.of(path), new Configuration());
        assertThatThrownBy(() ->
                        Written.write(output, tables.pair(OptionalInt.empty()).rows(), 10))
                .isInstanceOf(InputException.class)
                .hasMessageStartingWith("Cannot read feature tables: expected intact Parquet files, got ")
                .hasMessageContaining(file.getFileName().toString())
                .hasMessageContaining("CRC checksum verification failed");
    }

    private static long lastByteOf(String column, Path file) throws IOException {
        try (ParquetFileReader reader = ParquetFileReader.open(
                HadoopInputFile.fromPath(new org.apache.hadoop.fs.Path(file.toString()), new Configuration()))) {
            return reader.getFooter().getBlocks().get(0).getColumns().stream()
                    .filter(chunk -> chunk.getPath().toArray()[0].equals(column))
                    .mapToLong(chunk -> chunk.getStartingPos() + chunk.getTotalSize() - 1)
                    .findFirst()
                    .orElseThrow();
        }
    }

    @Test
    void wideRowsAreReadFewAtATime() {
        String path = write("wide", 1, "id", "array_repeat(rand(), 50000) as visual", FEATURES + " as text");
        FeatureTables tables = Tables.paired(spark, path, columns("id"));
        String rows = tables.pair(OptionalInt.empty())
                .rows()
                .sparkSession()
                .conf()
                .get("spark.sql.parquet.columnarReaderBatchSize");
        assertThat(Integer.parseInt(rows)).isBetween(4, 12);
    }

    private String write(String name, int files, String... columns) {
        String path = directory.resolve(name).toString();
        spark.range(0, 10, 1, files).selectExpr(columns).write().parquet(path);
        return path;
    }

    private static TableColumns columns(String key, String... keep) {
        return new TableColumns(
                key, Arrays.asList(keep), List.of(feature("visual", "visual", null), feature("text", "text", null)));
    }

    private static FeatureColumn feature(String modality, String column, ElementType dtype) {
        return new FeatureColumn(new ModalityConfig(modality, 2), column, dtype);
    }

    private static void assertProblems(
            org.assertj.core.api.ThrowableAssert.ThrowingCallable call, String summary, String... problems) {
        assertThatThrownBy(call)
                .isInstanceOf(InputException.class)
                .hasMessage(InputException.of(summary, new ArrayList<>(Arrays.asList(problems)))
                        .getMessage());
    }
}
