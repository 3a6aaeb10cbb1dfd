package dev.braid.tables;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.decode.RowPolicy;
import dev.braid.spark.FeatureTables;
import dev.braid.spark.SharedSpark;
import dev.braid.spark.TableColumns;
import dev.braid.spark.Tables;
import dev.braid.storage.Footers;
import dev.braid.storage.TouchedFileSystem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.function.BiFunction;
import java.util.function.BinaryOperator;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
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

    /** Each pair of types is a column of one table, as all problems are told at once. */
    @Test
    void columnsOfSeveralTypesAreRefusedWithAFileOfEach() {
        Mixed mixed = new Mixed(
                "int(1)|int|bigint(1)|bigint",
                "bigint(1)|bigint|int(1)|int",
                "float(1)|float|double(1)|double",
                "smallint(1)|smallint|date'2020-01-01'|date",
                "'x'|string|1|int",
                "timestamp'2020-01-01'|timestamp|timestamp_ntz'2020-01-01'|timestamp_ntz",
                "cast(1 as decimal(9,2))|decimal(9,2)|cast(1 as decimal(18,2))|decimal(18,2)",
                "array(1)|array<int>|array(1L)|array<bigint>",
                "array(1)|array<int>|1|int",
                "named_struct('a', 1)|struct<a:int>|named_struct('a', 1, 'b', 2)|struct<a:int,b:int>",
                "named_struct('a', 1, 'b', 2)|struct<a:int,b:int>|named_struct('a', 1)|struct<a:int>",
                "map('a', 1)|map<string,int>|map('a', 1L)|map<string,bigint>");
        file("a", FLAT, mixed.columns(0));
        file("b", FLAT, mixed.columns(2));
        file("c", FLAT, mixed.columns(0));
        assertProblems(
                mixed.names(),
                mixed.each((name, pair) -> "'" + name + "' (kept) of one type in all files, got " + pair[1]
                        + " in 'file:" + path("a") + "', 'file:" + path("c") + "', " + pair[3] + " in 'file:"
                        + path("b") + "'; write them with one type"));
    }

    /** Two expressions a column, for files of two kinds, each with what a test expects of it, as {@code one|text|other|text}. */
    private record Mixed(List<String> pairs) {
        Mixed(String... pairs) {
            this(List.of(pairs));
        }

        List<String> each(BinaryOperator<String> ofNameAndPart, int part) {
            return each((name, pair) -> ofNameAndPart.apply(name, pair[part]));
        }

        List<String> each(BiFunction<String, String[], String> ofNameAndPair) {
            return IntStream.range(0, pairs.size())
                    .mapToObj(c -> ofNameAndPair.apply("label" + c, pairs.get(c).split("\\|")))
                    .toList();
        }

        List<String> names() {
            return each((name, pair) -> name);
        }

        String[] columns(int part) {
            return each((name, text) -> text + " as " + name, part).toArray(String[]::new);
        }
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

    /** In either order of the files, with and without column batches; each pair of types is a column of one table. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void typesThatEverySparkReadsExactlyMayMix(boolean swapped) {
        Mixed mixed = new Mixed(
                "int(70000)|70000|smallint(-32768)|-32768",
                "int(70000)|70000|tinyint(-128)|-128",
                "smallint(300)|300|tinyint(-128)|-128",
                "concat('é')|é|binary('e')|e",
                "array(70000, null)|[70000, null]|array(smallint(-32768))|[-32768]",
                "map('a', 70000)|{a -> 70000}|map('b', tinyint(-1))|{b -> -1}",
                "named_struct('a', 1, 'b', 70000)|{1, 70000}|named_struct('a', 2, 'b', smallint(3))|{2, 3}");
        file(swapped ? "b" : "a", FLAT, mixed.columns(0));
        file(swapped ? "a" : "b", FLAT, mixed.columns(2));
        String one = String.join(" ", mixed.each((name, text) -> text, 1));
        String other = String.join(" ", mixed.each((name, text) -> text, 3));
        assertInBatchesAndRowByRow(mixed.names(), (swapped ? "b0 " : "a0 ") + one, (swapped ? "a0 " : "b0 ") + other);
    }

    @Test
    void theFieldsOfAStructMayHaveAnotherOrder() {
        file("a", FLAT, "named_struct('a', 1, 'b', 'x') as label");
        file("b", FLAT, "named_struct('b', 'y', 'a', 2) as label");
        assertInBatchesAndRowByRow(List.of("label"), "a0 {1, x}", "b0 {2, y}");
    }

    private void assertInBatchesAndRowByRow(List<String> kept, String... expected) {
        for (boolean batches : new boolean[] {true, false}) {
            SparkSession session = spark.newSession();
            session.conf().set("spark.sql.parquet.enableVectorizedReader", batches);
            assertThat(rows(session, kept)).containsExactlyInAnyOrder(expected);
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
        return rows(session, List.of("label"));
    }

    /** Each row's key and kept values. */
    private List<String> rows(SparkSession session, List<String> kept) {
        FeatureTables tables = open(session, kept);
        tables.audit(RowPolicy.FAIL);
        List<String> columns = new ArrayList<>(List.of("key"));
        IntStream.range(0, kept.size()).forEach(c -> columns.add("cast(keep" + c + " as string)"));
        return tables
                .pair(OptionalInt.empty())
                .rows()
                .selectExpr(columns.toArray(String[]::new))
                .collectAsList()
                .stream()
                .map(row -> row.mkString(" "))
                .toList();
    }

    private void assertProblem(String problem) {
        assertProblems(List.of("label"), List.of(problem));
    }

    private void assertProblems(List<String> kept, List<String> problems) {
        assertThatThrownBy(() -> open(spark, kept))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot open feature tables:"
                        + problems.stream()
                                .map(problem ->
                                        "\n  table '" + directory.resolve("t") + "': expected column " + problem)
                                .collect(Collectors.joining()));
    }

    private FeatureTables open(SparkSession session) {
        return open(session, List.of("label"));
    }

    private FeatureTables open(SparkSession session, List<String> kept) {
        return Tables.paired(
                session,
                directory.resolve("t").toString(),
                new TableColumns(
                        "id", kept, List.of(new FeatureColumn(new ModalityConfig("visual", 2), "visual", null))));
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
