package dev.braid.destination;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.failure.TransientException;
import dev.braid.publish.Manifest;
import dev.braid.publish.OutputExistsException;
import dev.braid.publish.Written;
import dev.braid.spark.SharedSpark;
import dev.braid.spark.TableColumns;
import dev.braid.spark.Tables;
import dev.braid.tables.CatalogTable;
import dev.braid.tables.FakeCatalog;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.InputTables;
import dev.braid.tables.SnapshotFormat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is refused before anything is fused. {@code .ci/tables} writes real tables of Delta and Iceberg. */
@ExtendWith(SharedSpark.class)
class OutputTableTest {
    private final SparkSession spark;

    @TempDir
    private Path directory;

    OutputTableTest(SparkSession spark) {
        this.spark = spark;
    }

    @BeforeEach
    void aCatalog() {
        spark.conf().set("spark.sql.catalog.fake", FakeCatalog.CLASS);
        for (String provider : List.of("delta", "iceberg")) {
            FakeCatalog.TABLES.put("db/" + provider, properties(provider));
        }
    }

    @AfterEach
    void noCatalog() {
        FakeCatalog.down = false;
        FakeCatalog.TABLES.clear();
        spark.conf().unset("spark.wap.id");
    }

    private Map<String, String> properties(String provider) {
        return new HashMap<>(Map.of("provider", provider, "location", directory.toString()));
    }

    private void assertRefused(String name, OutputTable.Mode mode, String expected, String got) {
        assertThatThrownBy(() -> OutputTable.find(spark, name, mode))
                .isInstanceOf(InputException.class)
                .hasMessageStartingWith("Cannot write table '" + name + "': expected " + expected)
                .hasMessageContaining(", got " + got);
    }

    @Test
    void whatIsNoTableWithTransactionsIsRefused() {
        spark.sql("CREATE OR REPLACE TEMP VIEW glance AS SELECT 1 AS id");
        spark.sql("CREATE DATABASE outputs LOCATION '" + directory.resolve("outputs") + "'");
        try {
            spark.sql("CREATE TABLE outputs.plain USING parquet AS SELECT 1 AS id");
            spark.sql("CREATE VIEW outputs.view AS SELECT 1 AS id");
            String table = "a Delta or Iceberg table of Spark's catalog";
            String none = ", which has no transactions of its own; ";
            String itself = none + "name the table itself";
            String plain = "Parquet files" + none + "write them with '--output' alone";
            assertRefused("outputs.plain", OutputTable.Mode.APPEND, table, plain);
            assertRefused("outputs.view", OutputTable.Mode.APPEND, table, "a view" + itself);
            assertRefused("glance", OutputTable.Mode.APPEND, table, "a view" + itself);
            assertRefused("outputs.absent", OutputTable.Mode.APPEND, table, "none; create it");
            assertRefused("fake.db.absent", OutputTable.Mode.APPEND, table, "none; create it");
        } finally {
            spark.sql("DROP DATABASE outputs CASCADE");
            spark.catalog().dropTempView("glance");
        }
    }

    @Test
    void aTableWithoutALocationIsRefused() {
        FakeCatalog.TABLES.get("db/delta").remove("location");
        String expected = "a table whose location Spark's catalog knows";
        assertRefused("fake.db.delta", OutputTable.Mode.APPEND, expected, "none");
        assertThatThrownBy(() -> new InputTables(spark).places(List.of("fake.db.delta")))
                .isInstanceOf(InputException.class)
                .hasMessageContaining(expected);
    }

    @ParameterizedTest
    @CsvSource({"branch_next", "tag_v1", "snapshot_id_7", "at_timestamp_7"})
    void aBranchOfAnIcebergTableIsRefusedAndATableOfSuchANameIsNot(String name) {
        String part = "fake.db.iceberg." + name;
        FakeCatalog.TABLES.put("db/iceberg/" + name, properties("iceberg"));
        assertRefused(
                part,
                OutputTable.Mode.APPEND,
                "a Delta or Iceberg table",
                "a branch, a tag or a snapshot of one, which has no transactions of its own; name the table itself");
        FakeCatalog.TABLES.put("db/" + name, properties("iceberg"));
        assertRefused("fake.db." + name, OutputTable.Mode.APPEND, "a table whose metadata can be read", "'");
    }

    @Test
    void aNameOfOnePartIsOfTheCurrentNamespaceHoweverItIsCalled() {
        FakeCatalog.TABLES.put("a-b/c d/one", properties("delta"));
        spark.sql("USE fake.`a-b`.`c d`");
        try {
            assertThat(CatalogTable.named(spark, "one"))
                    .map(found -> found.full().sql())
                    .contains("`fake`.`a-b`.`c d`.`one`");
        } finally {
            spark.sql("USE spark_catalog.default");
        }
    }

    @Test
    void aSessionThatWritesToIcebergsStageIsRefused() {
        spark.conf().set("spark.wap.id", "staged");
        assertRefused(
                "fake.db.iceberg",
                OutputTable.Mode.APPEND,
                "a write to its main branch",
                "setting 'spark.wap.id' ('staged'); remove the setting");
    }

    @Test
    void whereTheHistoryCannotBeReadTheSettingsAreNamed() {
        assertRefused("fake.db.delta", OutputTable.Mode.APPEND, "a table whose metadata can be read", "'");
        for (List<String> each : List.of(
                List.of("delta", "'spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension'"),
                List.of("iceberg", "'spark.sql.catalog.NAME=org.apache.iceberg.spark.SparkCatalog'"))) {
            assertThatThrownBy(() -> OutputTable.find(spark, "fake.db." + each.get(0), OutputTable.Mode.APPEND))
                    .hasMessageContaining(each.get(1));
        }
    }

    @Test
    void aTableThatKeepsItsRowsIsNotReplaced() {
        FakeCatalog.TABLES.get("db/delta").put("delta.appendOnly", "true");
        assertRefused(
                "fake.db.delta",
                OutputTable.Mode.REPLACE,
                "a table whose rows may be removed ('--table-mode replace')",
                "property 'delta.appendOnly' true");
        assertRefused("fake.db.delta", OutputTable.Mode.APPEND, "a table whose metadata can be read", "'");
    }

    @Test
    void aPlaceThatMayNotBeWrittenIsFoundAtOnce() throws IOException {
        Path place = Files.createDirectory(directory.resolve("locked"));
        Files.setPosixFilePermissions(place, PosixFilePermissions.fromString("r-xr-xr-x"));
        FakeCatalog.TABLES.get("db/iceberg").put("location", place.toString());
        assertRefused(
                "fake.db.iceberg",
                OutputTable.Mode.APPEND,
                "a table whose metadata can be read",
                "'AccessControlException: Permission denied");
    }

    @Test
    void aMetastoreThatDoesNotAnswerMayDoSoLater() {
        TableColumns columns = new TableColumns(
                "id", List.of(), List.of(new FeatureColumn(new ModalityConfig("visual", 2), "visual", null)));
        FakeCatalog.down = true;
        assertThatThrownBy(() -> OutputTable.find(spark, "fake.db.delta", OutputTable.Mode.APPEND))
                .isInstanceOf(TransientException.class)
                .hasMessage("Cannot look at table 'fake.db.delta': expected Spark's catalog and the table's storage to"
                        + " answer, got 'ConnectException: Connection refused'; try again");
        assertThatThrownBy(() -> new InputTables(spark).places(List.of("fake.db.delta")))
                .isInstanceOf(TransientException.class);
        assertThatThrownBy(() -> Tables.paired(spark, "fake.db.delta", columns)).isInstanceOf(TransientException.class);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    id STRING, n SMALLINT | id STRING, n INT      | false |
                    id STRING, n TINYINT  | ID STRING, n SMALLINT | false | column 'n': expected tinyint (the output), got smallint
                    id STRING, n INT      | id STRING, n BIGINT   | false | column 'n': expected int (the output), got bigint
                    id STRING, n INT      | N INT, ID STRING      | false |
                    id STRING             | id STRING, x INT      | false | column 'x': expected no such column (the output has none), got int
                    id STRING, ID INT     | ID INT, id STRING     | true  |
                    id STRING             | ID STRING             | true  | column 'ID': expected no such column (the output has none), got string; column 'id': expected string (the output), got none; ALTER TABLE adds it
                    """)
    void columnsAreComparedAsTheFormatAndTheSessionDo(String rows, String table, boolean caseSensitive, String wrong) {
        assertThat(String.join(
                        "; ", OutputTable.problems(StructType.fromDDL(rows), StructType.fromDDL(table), caseSensitive)))
                .isEqualTo(wrong == null ? "" : wrong);
    }

    private static final String RUN = "5a0f9c3e-52f4-4d6c-9c8e-1f0f0a2b3c4d";

    private static SnapshotFormat.Mark mark(String run, String mode, boolean isThere) {
        return new SnapshotFormat.Mark("7", run, mode, isThere);
    }

    private static void assertRefused(List<SnapshotFormat.Mark> marks, Manifest manifest, String got) {
        assertThatThrownBy(() -> new TableHistory("db.t", marks).written(manifest, "file:/t", OutputTable.Mode.APPEND))
                .isInstanceOf(OutputExistsException.class)
                .hasMessageContaining(got);
    }

    @Test
    void aTransactionIsTakenForRowsOnlyWhereTheTableIsMadeOfIt() {
        Manifest manifest = Written.manifest(RUN, "identity", List.of());
        SnapshotFormat.Mark own = mark(RUN, "append", true);
        SnapshotFormat.Mark replaced = mark("other", "replace", true);
        assertThat(new TableHistory("t", List.of()).written(manifest, "/t", OutputTable.Mode.APPEND))
                .isEmpty();
        for (List<SnapshotFormat.Mark> marks : List.of(
                List.of(own),
                List.of(own, replaced),
                List.of(mark("other", "append", true), own),
                List.of(own, mark("other", "replace", false)),
                List.of(mark(RUN, "append", false), own))) {
            assertThat(new TableHistory("t", marks).written(manifest, "/t", OutputTable.Mode.APPEND))
                    .contains("7");
        }
        assertRefused(List.of(replaced, own), manifest, "run 'other', which replaced all rows later (snapshot '7')");
        assertRefused(
                List.of(replaced, mark(RUN, "append", false)),
                manifest,
                "which was rolled back or is of another branch");
        assertRefused(
                List.of(mark(RUN, "replace", true)),
                manifest,
                "expected '--table-mode replace', the mode that wrote these rows");
        assertRefused(List.of(own, own), manifest, "of two drivers; delete the rows of one of them");
    }

    @Test
    void aManifestRemembersWhatAHistoryForgetsUnderAnyNameOfTheTable() {
        Manifest manifest = Written.manifest(RUN, "identity", List.of())
                .committed(new Manifest.Committed("other.name", "file:///t/", "append", "7"))
                .committed(new Manifest.Committed("db.u", "file:/u", "append", "1"));
        assertRefused(List.of(), manifest, "got none (snapshot '7' has expired, or was rolled back)");
        assertThat(new TableHistory("v", List.of()).written(manifest, "file:/v", OutputTable.Mode.APPEND))
                .isEmpty();
    }
}
