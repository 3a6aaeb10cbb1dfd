package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.checkpoint.ModalityConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files of one table that do not agree on its columns. */
@ExtendWith(SharedSpark.class)
class TableSchemaTest {
    private static final String FLAT = "array(float(id), 0.5f)";

    private final SparkSession spark;

    @TempDir
    private Path directory;

    TableSchemaTest(SparkSession spark) {
        this.spark = spark;
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aKeptColumnThatSomeFilesLackIsRefusedWithTheirNames(boolean firstHasIt) {
        String with = file(firstHasIt ? "a" : "z", FLAT, "'x' as label");
        String lacking = file("m", FLAT);
        assertProblem("'label' (kept) in every file, got none in 'file:" + lacking
                + "'; add it there, or set 'spark.sql.parquet.mergeSchema' to true to read null");
        SparkSession merging = spark.newSession();
        merging.conf().set("spark.sql.parquet.mergeSchema", true);
        assertThat(rows(merging)).containsExactlyInAnyOrder("m0 null", with.contains("/a.") ? "a0 x" : "z0 x");
    }

    @Test
    void manyFilesAreCountedRatherThanNamed() {
        file("a", FLAT, "'x' as label");
        for (String name : List.of("b", "c", "d", "e", "f")) {
            file(name, FLAT);
        }
        assertProblem("'label' (kept) in every file, got none in 'file:" + path("b") + "', 'file:" + path("c")
                + "', 'file:" + path("d") + "' and 2 more; add it there, or set 'spark.sql.parquet.mergeSchema' to true"
                + " to read null");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "int(1) as label;bigint(1) as label;int;bigint",
                "bigint(1) as label;int(1) as label;bigint;int",
                "float(1) as label;double(1) as label;float;double",
                "smallint(1) as label;date'2020-01-01' as label;smallint;date",
                "'x' as label;1 as label;string;int",
                "timestamp'2020-01-01' as label;timestamp_ntz'2020-01-01' as label;timestamp;timestamp_ntz",
                "cast(1 as decimal(9,2)) as label;cast(1 as decimal(18,2)) as label;decimal(9,2);decimal(18,2)",
                "array(1) as label;array(1L) as label;array<int>;array<bigint>",
                "array(1) as label;1 as label;array<int>;int",
                "named_struct('a', 1) as label;named_struct('a', 1, 'b', 2) as label;struct<a:int>;struct<a:int,b:int>",
                "named_struct('a', 1, 'b', 2) as label;named_struct('a', 1) as label;struct<a:int,b:int>;struct<a:int>",
                "map('a', 1) as label;map('a', 1L) as label;map<string,int>;map<string,bigint>"
            })
    void aColumnOfSeveralTypesIsRefusedWithAFileOfEach(String one, String other, String type, String otherType) {
        file("a", FLAT, one);
        file("b", FLAT, other);
        file("c", FLAT, one);
        assertProblem("'label' (kept) of one type in all files, got " + type + " in 'file:" + path("a") + "', 'file:"
                + path("c") + "', " + otherType + " in 'file:" + path("b") + "'; write them with one type");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "array(1f, 2f);array(array(1f, 2f));array<float>;array<array<float>>",
                "array(1f, 2f);array(1d, 2d);array<float>;array<double>",
                "array(1f, 2f);binary('12345678');array<float>;binary"
            })
    void featuresOfSeveralTypesAreRefused(String one, String other, String type, String otherType) {
        file("a", one, "'x' as label");
        file("b", other, "'x' as label");
        assertProblem("'visual' (features of 'visual') of one type in all files, got " + type + " in 'file:" + path("a")
                + "', " + otherType + " in 'file:" + path("b") + "'; write them with one type");
    }

    /** In either order of the files, with and without column batches. */
    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "int(70000);70000;smallint(-32768);-32768",
                "int(70000);70000;tinyint(-128);-128",
                "smallint(300);300;tinyint(-128);-128",
                "concat('é');é;binary('e');e",
                "array(70000, null);[70000, null];array(smallint(-32768));[-32768]",
                "map('a', 70000);{a -> 70000};map('b', tinyint(-1));{b -> -1}",
                "named_struct('a', 1, 'b', 70000);{1, 70000};named_struct('a', 2, 'b', smallint(3));{2, 3}"
            })
    void typesThatEverySparkReadsExactlyMayMix(String one, String text, String other, String otherText) {
        for (boolean swapped : new boolean[] {false, true}) {
            file(swapped ? "b" : "a", FLAT, one + " as label");
            file(swapped ? "a" : "b", FLAT, other + " as label");
            assertInBatchesAndRowByRow((swapped ? "b0 " : "a0 ") + text, (swapped ? "a0 " : "b0 ") + otherText);
        }
    }

    @Test
    void theFieldsOfAStructMayHaveAnotherOrder() {
        file("a", FLAT, "named_struct('a', 1, 'b', 'x') as label");
        file("b", FLAT, "named_struct('b', 'y', 'a', 2) as label");
        assertInBatchesAndRowByRow("a0 {1, x}", "b0 {2, y}");
    }

    private void assertInBatchesAndRowByRow(String... expected) {
        for (boolean batches : new boolean[] {true, false}) {
            SparkSession session = spark.newSession();
            session.conf().set("spark.sql.parquet.enableVectorizedReader", batches);
            assertThat(rows(session)).containsExactlyInAnyOrder(expected);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"a", "z"})
    void filesWithoutRowsMayHaveOtherTypesAsLongAsSparkCanOpenThem(String name) {
        file("m", FLAT, "'x' as label");
        for (String type : List.of("1.5", "1", "date'2020-01-01'")) {
            write(name, 0, "array(1d)", type + " as label");
            assertThat(rows(spark)).containsExactly("m0 x");
        }
        write(name, 0, FLAT);
        assertThat(rows(spark)).containsExactly("m0 x");
        write(name, 0, FLAT, "array(1) as label");
        assertThatThrownBy(() -> open(spark))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("expected column 'label' (kept) of one type in all files, got ")
                .hasMessageContaining("array<int> without rows in 'file:" + path(name) + "'");
    }

    @Test
    void aLaterFileThatHasAColumnTwiceIsNamed() throws IOException {
        ParquetFiles.write(directory.resolve("t/a.parquet"), 1, 1, "optional binary label;", builder -> builder);
        Path twice = ParquetFiles.write(
                directory.resolve("t/b.parquet"), 1, 1, "optional binary label; optional binary Label;", b -> b);
        assertProblem("'label' (kept) once in every file, got 2 that differ in case only in 'file:" + twice
                + "'; rename one");
    }

    @Test
    void aTypeThatSparkCannotReadInALaterFileIsNamed() throws IOException {
        ParquetFiles.write(directory.resolve("t/a.parquet"), 1, 1, "optional int64 label;", builder -> builder);
        Path nanos = ParquetFiles.write(
                directory.resolve("t/b.parquet"), 1, 1, "optional int64 label (TIMESTAMP(NANOS,true));", b -> b);
        assertProblem("'label' (kept) of one type in all files, got bigint in 'file:" + path("a")
                + "', Parquet type 'TIMESTAMP(NANOS,true)' in 'file:" + nanos + "'; write them with one type");
    }

    @Test
    void aColumnThatNothingNeedsMayHaveAnyTypes() {
        file("a", FLAT, "'x' as label", "1 as other");
        file("b", FLAT, "'y' as label", "'z' as OTHER");
        file("c", FLAT, "'z' as label");
        assertThat(rows(spark)).containsExactlyInAnyOrder("a0 x", "b0 y", "c0 z");
    }

    @Test
    void filesOfTheSameNeededColumnsShareOneSchemaAndAreReadOnce() throws IOException {
        for (int f = 0; f < 5; f++) {
            ParquetFiles.write(
                    path("f" + f), 2, 1, "optional int32 label; optional int32 n" + f + ";", builder -> builder);
        }
        TouchedFileSystem.register(spark.sparkContext().hadoopConfiguration());
        Configuration hadoop = spark.sparkContext().hadoopConfiguration();
        TableFiles files = TableFiles.at("touched:" + directory.resolve("t"), hadoop);
        TouchedFileSystem.touch(-1, () -> {});
        Footers.All footers = Footers.read(files.files(), name -> name.equals("label"), hadoop);
        assertThat(TouchedFileSystem.opened()).isEqualTo(5);
        assertThat(footers.footers()).hasSize(5);
        assertThat(footers.footers().stream().map(Footers.Footer::schema))
                .allSatisfy(schema -> assertThat(schema.type().getFields())
                        .extracting(type -> type.getName())
                        .containsExactly("label"));
        assertThat(footers.footers().stream().map(Footers.Footer::schema))
                .allSatisfy(schema ->
                        assertThat(schema).isSameAs(footers.footers().get(0).schema()));
        assertThat(footers.first().type().getFields()).hasSize(5);
        assertThat(footers.rows().rows()).isEqualTo(10);
    }

    private List<String> rows(SparkSession session) {
        FeatureTables tables = open(session);
        tables.audit(RowPolicy.FAIL);
        return tables
                .pair(OptionalInt.empty())
                .rows()
                .selectExpr("key", "cast(keep0 as string)")
                .collectAsList()
                .stream()
                .map(TableSchemaTest::text)
                .toList();
    }

    private static String text(Row row) {
        return row.getString(0) + " " + row.get(1);
    }

    private void assertProblem(String problem) {
        assertThatThrownBy(() -> open(spark))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot open feature tables:\n  table '" + directory.resolve("t") + "': expected column "
                        + problem);
    }

    private FeatureTables open(SparkSession session) {
        return Tables.paired(
                session,
                directory.resolve("t").toString(),
                new TableColumns(
                        "id",
                        List.of("label"),
                        List.of(new FeatureColumn(new ModalityConfig("visual", 2), "visual", null))));
    }

    private Path path(String name) {
        return directory.resolve("t").resolve(name + ".parquet");
    }

    private String file(String name, String visual, String... columns) {
        return write(name, 1, visual, columns);
    }

    /** A file of a table, with keys of its own. */
    private String write(String name, int rows, String visual, String... columns) {
        String[] all = new String[columns.length + 2];
        all[0] = String.format(Locale.ROOT, "concat('%s', id) as id", name);
        all[1] = visual + " as visual";
        System.arraycopy(columns, 0, all, 2, columns.length);
        Path written = directory.resolve("written");
        spark.range(0, rows, 1, 1).selectExpr(all).write().mode("overwrite").parquet(written.toString());
        try (var files = Files.list(written)) {
            Path part = files.filter(file -> file.toString().endsWith(".parquet"))
                    .findFirst()
                    .orElseThrow();
            Files.createDirectories(path(name).getParent());
            Files.move(part, path(name), java.nio.file.StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException failure) {
            throw new java.io.UncheckedIOException(failure);
        }
        return path(name).toString();
    }
}
