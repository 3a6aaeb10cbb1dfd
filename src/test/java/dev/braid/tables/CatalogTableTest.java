package dev.braid.tables;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import dev.braid.InputException;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.decode.RowPolicy;
import dev.braid.failure.TransientException;
import dev.braid.publish.InputFile;
import dev.braid.publish.Manifest;
import dev.braid.publish.Origin;
import dev.braid.rows.TableName;
import dev.braid.spark.FeatureTables;
import dev.braid.spark.SharedSpark;
import dev.braid.spark.TableColumns;
import dev.braid.spark.Tables;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Parquet tables of the session's catalog. {@code .ci/tables} tries those of Delta and Iceberg. */
@ExtendWith(SharedSpark.class)
class CatalogTableTest {
    private static final String ROWS =
            "SELECT string(id) AS id, array(float(id), 2f) AS visual, id % 2 AS part FROM range(4)";

    private final SparkSession spark;

    @TempDir
    private Path directory;

    CatalogTableTest(SparkSession spark) {
        this.spark = spark;
    }

    @BeforeEach
    void aDatabase() {
        spark.sql("CREATE DATABASE named LOCATION '" + directory.resolve("named") + "'");
    }

    @AfterEach
    void noDatabase() {
        spark.sql("DROP DATABASE named CASCADE");
    }

    private FeatureTables open(String table, String... keep) {
        ModalityConfig visual = new ModalityConfig("visual", 2);
        return Tables.paired(
                spark,
                table,
                new TableColumns("id", List.of(keep), List.of(new FeatureColumn(visual, "visual", null))));
    }

    @Test
    void aTableByItsNameIsTheSameInputAsItsPath() {
        spark.sql("CREATE TABLE named.pairs USING parquet AS " + ROWS);
        String path = directory.resolve("named/pairs").toString();
        List<InputFile> files = open(path).inputs();
        for (String name : List.of("named.pairs", "spark_catalog.named.pairs", "NAMED.`pairs`")) {
            FeatureTables tables = open(name);
            assertThat(tables.audit(RowPolicy.FAIL).rows()).isEqualTo(4);
            assertThat(tables.inputs())
                    .hasSameSizeAs(files)
                    .allMatch(file -> file.table().equals(name) && file.snapshot() == null);
            assertThat(new Origin(tables.inputs(), new Manifest.Model("m", "0"), Map.of()).identity())
                    .isEqualTo(new Origin(files, new Manifest.Model("m", "0"), Map.of()).identity());
            assertThat(new InputTables(spark).places(List.of(name))).containsExactly("file:" + path);
        }
    }

    @Test
    void aChangeOfANamedTableIsFoundBeforeAnythingIsPublished() {
        spark.sql("CREATE TABLE named.pairs USING parquet AS " + ROWS);
        FeatureTables tables = open("named.pairs");
        tables.refuseChanged();
        spark.sql("INSERT OVERWRITE named.pairs " + ROWS);
        assertThatThrownBy(tables::refuseChanged)
                .isInstanceOf(TransientException.class)
                .hasMessageContaining("(removed)");
    }

    @Test
    void partitionColumnsHaveTheTypesOfTheCatalog() {
        spark.sql("CREATE TABLE named.parts USING parquet PARTITIONED BY (part) AS " + ROWS);
        assertThat(open("named.parts", "part")
                        .pair(OptionalInt.empty())
                        .rows()
                        .select("key", "keep0")
                        .collectAsList())
                .extracting(row -> row.getString(0), (Row row) -> row.get(1))
                .containsExactlyInAnyOrder(tuple("0", 0L), tuple("1", 1L), tuple("2", 0L), tuple("3", 1L));
    }

    @Test
    void aPartitionThatTheCatalogLacksIsRefused() throws IOException {
        spark.sql("CREATE TABLE named.parts USING parquet PARTITIONED BY (part) AS " + ROWS);
        spark.sql("ALTER TABLE named.parts DROP PARTITION (part = 1)");
        Path stray = directory.resolve("named/parts/part=1");
        Files.createDirectories(stray);
        ParquetFiles.write(stray.resolve("p.parquet"));
        assertThatThrownBy(() -> open("named.parts"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("expected the catalog's partitions to be the directories of 'file:" + directory)
                .hasMessageContaining("run MSCK REPAIR TABLE");
    }

    @Tag("slow")
    @Test
    void aPathThatExistsIsNoName() throws IOException {
        spark.sql("CREATE TABLE named.src USING parquet AS " + ROWS);
        spark.sql("USE named");
        try {
            assertThat(Files.isDirectory(Path.of("src"))).isTrue();
            assertThat(CatalogTable.find(spark, "src")).isEmpty();
            assertThat(CatalogTable.find(spark, "./src")).isEmpty();
            assertThat(CatalogTable.find(spark, "named.src"))
                    .map(found -> found.full().sql())
                    .contains("`named`.`src`");
        } finally {
            spark.sql("USE default");
        }
    }

    @Test
    void aNameOfOnePartIsOfTheCurrentDatabase() throws IOException {
        spark.sql("CREATE TABLE named.one USING parquet AS " + ROWS);
        assertThat(CatalogTable.find(spark, "one")).isEmpty();
        spark.sql("USE named");
        try {
            Optional<CatalogTable> found = CatalogTable.find(spark, "one");
            assertThat(found).map(table -> table.full().sql()).contains("`spark_catalog`.`named`.`one`");
        } finally {
            spark.sql("USE default");
        }
    }

    @ParameterizedTest
    @CsvSource({"absent", "named.absent", "a.b.c.d", "x y", "pairs.parquet", "no such*", "[", "a:b"})
    void whatIsNeitherAPathNorATableIsSaidToBeNeither(String text) {
        assertThatThrownBy(() -> new InputTables(spark).places(List.of(text)))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("table '" + text + "': expected a path");
    }

    @ParameterizedTest
    @CsvSource({"VIEW named.other, a view", "TABLE named.other USING orc, orc"})
    void viewsAndOtherFormatsAreRefused(String kind, String got) {
        spark.sql("CREATE " + kind + " AS " + ROWS);
        assertThatThrownBy(() -> open("named.other"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining(
                        "table 'named.other': expected a table that is stored as Parquet, Delta or Iceberg, got ")
                .hasMessageContaining(got);
    }

    @Tag("slow")
    @Test
    void aSnapshotNeverChanges() {
        assertThat(Snapshots.of(spark.sql(ROWS), List.of()).changes()).isEmpty();
    }

    /** A file has a column under the name that it had when the file was written. */
    @Test
    void whereAFileLacksANeededColumnEveryColumnCounts() throws IOException {
        List<FileStatus> files = new ArrayList<>();
        for (String column : List.of("visual", "old")) {
            String path = directory.resolve(column).toString();
            spark.sql("SELECT string(id) AS id, array_repeat(float(id), 1000) AS " + column + " FROM range(4)")
                    .coalesce(1)
                    .write()
                    .parquet(path);
            files.addAll(TableFiles.at(path, hadoop()).files());
        }
        long id = CatalogTable.footers(files, Set.of("id"), hadoop()).largestRow();
        assertThat(id).isLessThan(1000);
        assertThat(CatalogTable.footers(files.subList(0, 1), Set.of("id", "visual"), hadoop())
                        .largestRow())
                .isGreaterThan(4000);
        assertThat(CatalogTable.footers(files.subList(1, 2), Set.of("id", "visual"), hadoop())
                        .largestRow())
                .isGreaterThan(4000);
    }

    private Configuration hadoop() {
        return spark.sparkContext().hadoopConfiguration();
    }

    /** A join reads one snapshot of it. */
    @Test
    void aTableOfTwoSpellingsIsReadOnce() {
        spark.sql("CREATE TABLE named.both USING parquet AS SELECT string(id) AS id, array(float(id), 2f) AS visual,"
                + " array(float(id), 2f) AS text FROM range(4)");
        List<FeatureColumn> features = List.of(
                new FeatureColumn(new ModalityConfig("visual", 2), "visual", null),
                new FeatureColumn(new ModalityConfig("text", 2), "text", null));
        FeatureTables tables = Tables.perModality(
                spark,
                Map.of("visual", "named.both", "text", "spark_catalog.NAMED.`both`"),
                new TableColumns("id", List.of(), features));
        assertThat(tables.inputs()).extracting(InputFile::path).doesNotHaveDuplicates();
        assertThat(tables.audit(RowPolicy.FAIL).rows()).isEqualTo(4);
    }

    @Test
    void theCatalogIsAskedOncePerTable() throws IOException {
        spark.sql("CREATE TABLE named.pairs USING parquet AS " + ROWS);
        InputTables tables = new InputTables(spark);
        tables.places(List.of("named.pairs"));
        Optional<CatalogTable> found = tables.named("named.pairs");
        spark.sql("DROP TABLE named.pairs");
        assertThat(tables.named("named.pairs")).isSameAs(found).isPresent();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
                    db.t                 | `db`.`t`
                    db.t --x             | `db`.`t`
                    db.`t``x`            | `db`.`t``x`
                    `my-lake`.a.`b.c`.t  | `my-lake`.`a`.`b.c`.`t`
                    db.user              | `db`.`user`
                    db.2026              |
                    my-lake.db.t         |
                    db.t; DROP TABLE t   |
                    db.t WHERE x         |
                    t x                  |
                    f(t)                 |
                    *                    |
                    ""                 |
                    """)
    void aNameIsWhatSparkParsesAsOneAndIsQuotedInSql(String text, String sql) {
        assertThat(TableName.parse(text)).map(TableName::sql).isEqualTo(Optional.ofNullable(sql));
    }
}
