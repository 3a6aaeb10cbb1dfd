package dev.braid.tables;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;

import dev.braid.InputException;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.decode.RowPolicy;
import dev.braid.failure.SparkFailure;
import dev.braid.failure.TransientException;
import dev.braid.publish.InputFile;
import dev.braid.publish.Json;
import dev.braid.publish.Manifest;
import dev.braid.publish.Origin;
import dev.braid.publish.Shard;
import dev.braid.publish.Written;
import dev.braid.spark.FeatureTables;
import dev.braid.spark.SharedSpark;
import dev.braid.spark.TableColumns;
import dev.braid.spark.Tables;
import dev.braid.storage.AliasFileSystem;
import dev.braid.storage.TouchedFileSystem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The files of a run are listed once; whoever touches them then is found out. */
@ExtendWith(SharedSpark.class)
class InputFilesTest {
    private final SparkSession spark;

    @TempDir
    private Path directory;

    InputFilesTest(SparkSession spark) {
        this.spark = spark;
    }

    @BeforeEach
    void nobodyTouchesAnything() {
        TouchedFileSystem.register(spark.sparkContext().hadoopConfiguration());
        TouchedFileSystem.touch(-1, () -> {});
    }

    @Test
    void inputsAreTheFilesAsTheyWereListedWithTheRowsOfTheirFooters() throws IOException {
        Path one = ParquetFiles.write(directory.resolve("t/a.parquet"), 3, 1, "", builder -> builder);
        Path other = ParquetFiles.write(directory.resolve("t/b.parquet"), 2, 1, "", builder -> builder);
        Path table = directory.resolve("t");
        Files.setLastModifiedTime(other, FileTime.fromMillis(1_234_567_890_123L));
        FeatureTables tables = open(table.toString());
        assertThat(tables.inputs())
                .containsExactly(
                        new InputFile(
                                table.toString(),
                                "file:" + one,
                                Files.size(one),
                                Files.getLastModifiedTime(one)
                                        .toInstant()
                                        .truncatedTo(java.time.temporal.ChronoUnit.MILLIS)
                                        .toString(),
                                null,
                                null,
                                3),
                        new InputFile(
                                table.toString(),
                                "file:" + other,
                                Files.size(other),
                                "2009-02-13T23:31:30.123Z",
                                null,
                                null,
                                2));
        assertThat(tables.bytes()).isEqualTo(Files.size(one) + Files.size(other));
    }

    @Test
    void aTableIsTheSameInputHoweverItsPathIsSpelled() throws IOException {
        Path file = ParquetFiles.write(directory.resolve("t/a.parquet"), 3, 1, "", builder -> builder);
        Path other = ParquetFiles.write(directory.resolve("other/a.parquet"), 3, 1, "", builder -> builder);
        Path table = directory.resolve("t");
        Path link = Files.createSymbolicLink(directory.resolve("latest"), table);
        Path fileLink = Files.createSymbolicLink(directory.resolve("b.parquet"), file);
        String relative = Path.of("").toAbsolutePath().relativize(table).toString();
        String identity = identity(table.toString());
        for (String spelled : List.of(
                "file:" + table,
                "file://" + table,
                table + "/",
                table.getParent() + "/./t",
                relative,
                link.toString(),
                link + "/*.parquet",
                link.resolve("a.parquet").toString(),
                fileLink.toString(),
                table.getParent() + "/lat?st")) {
            assertThat(identity(spelled)).as(spelled).isEqualTo(identity);
            assertThat(open(spelled).inputs())
                    .extracting(InputFile::table, InputFile::path)
                    .containsExactly(tuple(spelled, "file:" + file));
            open(spelled).refuseChanged();
        }
        assertThat(identity(other.toString())).isNotEqualTo(identity);
        Files.delete(link);
        Files.createSymbolicLink(link, other.getParent());
        assertThat(identity(link.toString())).isNotEqualTo(identity);
    }

    /** The same files in other tables are other input. */
    @Test
    void whichFilesAreWhichTablesIsPartOfTheInput() {
        InputFile a = new InputFile("one", "file:/a", 1, "", null, null, 1);
        InputFile b = new InputFile("one", "file:/b", 1, "", null, null, 1);
        InputFile elsewhere = new InputFile("two", "file:/b", 1, "", null, null, 1);
        assertThat(identity(List.of(a, b))).isNotEqualTo(identity(List.of(a, elsewhere)));
    }

    private String identity(String table) {
        return identity(open(table).inputs());
    }

    private static String identity(List<InputFile> inputs) {
        return new Origin(inputs, new Manifest.Model("m", "0"), Map.of()).identity();
    }

    @Test
    void aPasswordInAPathIsMaskedInTheManifestInMessagesAndInTheLog() throws IOException {
        AliasFileSystem.register("other", spark.sparkContext().hadoopConfiguration());
        Path file = ParquetFiles.write(directory.resolve("t/a.parquet"));
        ParquetFiles.write(directory.resolve("t/_b.parquet"));
        String path = "other://me:SECRET@host" + directory.resolve("t");
        String masked = path.replace("SECRET", "***");
        FeatureTables tables;
        try (Warnings warnings = Warnings.open()) {
            tables = open(path);
            assertThat(warnings.messages()).anyMatch(warning -> warning.contains("'" + masked + "'"));
            assertThat(warnings.messages()).noneMatch(warning -> warning.contains("SECRET"));
        }
        assertThat(tables.inputs())
                .extracting(InputFile::table, InputFile::path)
                .containsExactly(tuple(masked, masked + "/a.parquet"));
        assertThat(new Manifest.Model(path, "").path()).isEqualTo(masked);
        tables.refuseChanged();
        Files.write(file, new byte[7]);
        assertThatThrownBy(tables::refuseChanged)
                .hasMessageContaining("'" + masked + "/a.parquet' (now 7 bytes")
                .hasMessageNotContaining("SECRET");
        assertThatThrownBy(() -> open(path + "/absent"))
                .isInstanceOf(InputException.class)
                .hasMessageContaining(masked + "/absent")
                .hasMessageNotContaining("SECRET");
    }

    /** A column may be called what a setting with a secret is called. */
    @Test
    void directoriesOfPartitionsKeepTheirNames() throws IOException {
        ParquetFiles.write(directory.resolve("t/token=1/a.parquet"));
        ParquetFiles.write(directory.resolve("t/token=2/a.parquet"));
        FeatureTables tables = open("file://" + directory.resolve("t"));
        assertThat(tables.inputs())
                .extracting(InputFile::path)
                .containsExactly(
                        "file:" + directory.resolve("t/token=1/a.parquet"),
                        "file:" + directory.resolve("t/token=2/a.parquet"));
        tables.refuseChanged();
    }

    @Test
    void theNameThatAStoreGivesToAVersionIsKept() throws IOException {
        Path file = ParquetFiles.write(directory.resolve("t/a.parquet"));
        InputFile input = open("touched:" + directory.resolve("t")).inputs().get(0);
        assertThat(input.etag()).isEqualTo("v" + Files.size(file));
        InputFile other = new InputFile(input.table(), input.path(), input.bytes(), input.modified(), "other", null, 2);
        TableFiles now = TableFiles.at(input.table(), spark.sparkContext().hadoopConfiguration());
        assertThat(input.changes(now.files().get(0))).isEmpty();
        assertThat(other.changes(now.files().get(0)))
                .isEqualTo("'" + input.path() + "' (rewritten with the same length)");
    }

    @Test
    void filesThatWereReplacedRewrittenOrRemovedAreRefused() throws IOException {
        for (String name : List.of("a", "b", "c", "d", "e")) {
            ParquetFiles.write(directory.resolve("t/" + name + ".parquet"));
        }
        FeatureTables tables = open(directory.resolve("t").toString());
        tables.refuseChanged();
        Path longer = directory.resolve("t/a.parquet");
        long before = Files.size(longer);
        Files.write(longer, new byte[7]);
        Files.delete(directory.resolve("t/b.parquet"));
        for (String name : List.of("c", "d", "e")) {
            Files.setLastModifiedTime(directory.resolve("t/" + name + ".parquet"), FileTime.fromMillis(1));
        }
        assertThatThrownBy(tables::refuseChanged)
                .isInstanceOf(TransientException.class)
                .hasMessage("Cannot publish the fused table: expected the input as it was when the run began, got"
                        + " changed files: 'file:" + longer + "' (now 7 bytes, not " + before + "), 'file:"
                        + longer.resolveSibling("b.parquet") + "' (removed), 'file:"
                        + longer.resolveSibling("c.parquet")
                        + "' (rewritten with the same length) and 2 more; nothing is published; run it again");
    }

    @Test
    void filesThatWereAddedCauseAWarningAlone() throws IOException {
        ParquetFiles.write(directory.resolve("t/a.parquet"));
        FeatureTables tables = open(directory.resolve("t").toString());
        ParquetFiles.write(directory.resolve("t/b.parquet"));
        try (Warnings warnings = Warnings.open()) {
            tables.refuseChanged();
            assertThat(warnings.messages())
                    .containsExactly("Table '" + directory.resolve("t") + "': 'file:" + directory.resolve("t/b.parquet")
                            + "' were added after the run began, and are not in the output");
        }
    }

    @Test
    void aTableThatIsGoneIsAChangeOfItsFiles() throws IOException {
        Path file = ParquetFiles.write(directory.resolve("t/a.parquet"));
        FeatureTables tables = open(file.toString());
        Files.delete(file);
        assertThatThrownBy(tables::refuseChanged).hasMessageContaining("'file:" + file + "' (removed)");
    }

    /**
     * Whenever the file is replaced, the rows are those of one version, each once, or the run is refused. The moments are the
     * calls to the file system; after the last one nothing is replaced. Each moment meets one of three replacements, another one
     * in each run of this test.
     */
    @Tag("slow")
    @Test
    void aFileThatIsReplacedAtAnyMomentLosesAndDoublesNothing() throws IOException {
        Path old = version("old", 6, "id");
        List<Path> replacements =
                List.of(version("double", 6, "if(id = 5, 4, id)"), version("more", 9, "id"), version("fewer", 3, "id"));
        // Nothing may be published of the version with a double key.
        List<List<String>> after = List.of(List.of(), rows(replacements.get(1)), rows(replacements.get(2)));
        Path file = directory.resolve("t/p.parquet");
        Files.createDirectory(file.getParent());
        List<String> before = rows(old);
        int first = new Random().nextInt(3);
        int refused = 0;
        int moment = 0;
        boolean replaced;
        do {
            int which = (first + moment) % 3;
            Files.copy(old, file, StandardCopyOption.REPLACE_EXISTING);
            TouchedFileSystem.touch(moment, () -> {
                Path copy = Files.copy(replacements.get(which), directory.resolve("copy"));
                Files.move(copy, file, StandardCopyOption.REPLACE_EXISTING);
            });
            List<String> found = found();
            refused += found.isEmpty() ? 1 : 0;
            assertThat(found)
                    .as("%s before call %d", replacements.get(which), moment)
                    .isIn(before, after.get(which), List.of());
            replaced = TouchedFileSystem.calls() > moment;
            moment++;
        } while (replaced);
        assertThat(refused).isBetween(5, moment - 1);
    }

    @Test
    void filesOfNoBytesCauseOneWarning() throws IOException {
        for (String name : List.of("a.parquet", "b")) {
            Files.createDirectories(directory.resolve("t"));
            Files.createFile(directory.resolve("t/" + name));
        }
        ParquetFiles.write(directory.resolve("t/c.parquet"));
        String table = directory.resolve("t").toString();
        try (Warnings warnings = Warnings.open()) {
            assertThat(open(table).audit(RowPolicy.FAIL).rows()).isEqualTo(2);
            assertThat(warnings.messages())
                    .containsExactly("Table '" + table + "': files of no bytes are ignored: 'file:" + table
                            + "/a.parquet'; write them again if they should hold rows");
        }
    }

    @Test
    void hiddenFilesThatMayHoldRowsCauseOneWarning() throws IOException {
        for (String name : List.of("a", "_b", ".c")) {
            ParquetFiles.write(directory.resolve("t/" + name + ".parquet"));
        }
        Files.createFile(directory.resolve("t/_empty.parquet"));
        Files.createFile(directory.resolve("t/_SUCCESS"));
        String table = directory.resolve("t").toString();
        String hidden = "'file:" + table + "/.c.parquet', 'file:" + table + "/_b.parquet'";
        String names = " (the names begin with '_' or '.'); ";
        for (String path : List.of(table, table + "/*")) {
            try (Warnings warnings = Warnings.open()) {
                assertThat(open(path).audit(RowPolicy.FAIL).rows()).isEqualTo(2);
                assertThat(warnings.messages())
                        .containsExactly("Table '" + path + "': Spark does not read " + hidden + names
                                + "rename them if they hold rows");
            }
        }
        Files.createDirectories(directory.resolve("t/_temporary/0"));
        try (Warnings warnings = Warnings.open()) {
            open(table).refuseChanged();
            assertThat(warnings.messages())
                    .containsExactly("Table '" + table + "': Spark does not read " + hidden + ", 'file:" + table
                            + "/_temporary'" + names + "wait for the job that writes them, or remove what it left");
        }
        Files.delete(directory.resolve("t/a.parquet"));
        assertThatThrownBy(() -> open(table + "/_b.parquet"))
                .hasMessageEndingWith("expected Parquet files, got none but hidden ones: 'file:" + table
                        + "/_b.parquet'" + names + "rename them if they hold rows");
        assertThatThrownBy(() -> open(table)).hasMessageContaining("got none but hidden ones: " + hidden);
    }

    /** Spark takes partition columns from names below one directory only, and no column without a value. */
    @ParameterizedTest
    @CsvSource({
        "years/*, lang, 'expected column ''lang'' in the names of directories, all below one directory, got ''file:'",
        "days/dt=*, lang,",
        "empty, lang, 'each with a value (''__HIVE_DEFAULT_PARTITION__'' for null), got ''file:'",
        "empty/lang=, lang, 'each with a value (''__HIVE_DEFAULT_PARTITION__'' for null), got ''file:'"
    })
    void directoriesOfPartitionsAreReadIfTheirNamesAreNotNeeded(String path, String column, String refused)
            throws IOException {
        for (String part : List.of(
                "years/2025/lang=en", "years/2026/lang=en", "days/dt=1/lang=en", "days/dt=2/lang=fr", "empty/lang=")) {
            ParquetFiles.write(directory.resolve(part + "/a.parquet"), 2, 1, "", builder -> builder);
        }
        ParquetFiles.write(directory.resolve("empty/lang=en/a.parquet"), 2, 1, "", builder -> builder);
        String table = directory.resolve(path).toString();
        long rows = path.endsWith("=") ? 2 : 4;
        assertThat(open(table).pair(OptionalInt.empty()).rows().count()).isEqualTo(rows);
        if (refused == null) {
            assertThat(open(table, column).pair(OptionalInt.empty()).rows().count())
                    .isEqualTo(rows);
        } else {
            assertThatThrownBy(() -> open(table, column))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining(refused);
        }
    }

    @Test
    void aStaleChecksumIsToldFromADamagedFile() throws IOException {
        ParquetFiles.write(directory.resolve("t/a.parquet"));
        Files.writeString(directory.resolve("t/.a.parquet.crc"), "crc\0\0\0\2\0stale");
        assertThatThrownBy(() -> open(directory.resolve("t").toString()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("expected intact Parquet files, got")
                .hasMessageEndingWith(
                        "; if the file was replaced, delete its checksum ('.' before its name, '.crc' after it)");
    }

    /** A run that was killed may have left files that its manifest does not name. */
    @Test
    void ofATableThatBraidWroteTheFilesThatItsManifestNamesAreRead() throws IOException {
        for (String file : List.of("a.parquet", "p=1/b.parquet", "left.parquet")) {
            ParquetFiles.write(directory.resolve("t").resolve(file), 2, 1, "", builder -> builder);
        }
        Path table = directory.resolve("t");
        writeManifest(table, "a.parquet");
        try (Warnings warnings = Warnings.open()) {
            assertThat(open(table.toString()).audit(RowPolicy.FAIL).rows()).isEqualTo(2);
            assertThat(warnings.messages())
                    .containsExactly("Table '" + table + "': files that its _manifest.json does not name are"
                            + " ignored: 'file:" + table + "/left.parquet', 'file:" + table
                            + "/p=1/b.parquet'; if they hold rows, move them to a table of their own");
        }
        writeManifest(table, "p=1/b.parquet");
        assertThat(open(table.toString(), "p").pair(OptionalInt.empty()).rows().count())
                .isEqualTo(2);
        ParquetFiles.write(table.resolve("p=1/left.parquet"));
        for (String partition : List.of("p=1", "p=*", "p=[1]")) {
            assertThat(open(table + "/" + partition)
                            .pair(OptionalInt.empty())
                            .rows()
                            .count())
                    .as(partition)
                    .isEqualTo(2);
        }
        assertThat(open(table + "/p=1/*").pair(OptionalInt.empty()).rows().count())
                .isEqualTo(4);
        writeManifest(table, "a.parquet", "gone.parquet");
        assertThatThrownBy(() -> open(table.toString()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining(
                        "expected every file that _manifest.json names, got no 'file:" + table + "/gone.parquet'");
    }

    private static void writeManifest(Path table, String... files) throws IOException {
        List<Shard> shards = Stream.of(files)
                .map(file -> new Shard("plan", List.of(0), file, 2, 0, 0, null, "0", null, Map.of()))
                .toList();
        org.apache.hadoop.fs.Path to = new org.apache.hadoop.fs.Path(table.toString());
        Files.deleteIfExists(table.resolve(Manifest.FILE));
        Json.write(
                Written.manifest("run", "identity", shards),
                new org.apache.hadoop.fs.Path(to, Manifest.FILE),
                to,
                to.getFileSystem(new Configuration()));
    }

    @Test
    void aHiddenDirectoryThatIsNamedIsRead() throws IOException {
        ParquetFiles.write(directory.resolve("_t/a.parquet"));
        assertThat(open(directory.resolve("_t").toString())
                        .audit(RowPolicy.FAIL)
                        .rows())
                .isEqualTo(2);
    }

    @Test
    void filesOfAnyNameAreReadOrRefused() throws IOException {
        ParquetFiles.write(directory.resolve("t/a.parquet"), 2, 1, "", builder -> builder);
        Files.move(directory.resolve("t/a.parquet"), directory.resolve("t/000000_0"));
        assertThat(open(directory.resolve("t").toString()).audit(RowPolicy.FAIL).rows())
                .isEqualTo(2);
        Files.writeString(directory.resolve("t/notes.txt"), "These are the features of May.");
        assertThatThrownBy(() -> open(directory.resolve("t").toString()))
                .isInstanceOf(InputException.class)
                .hasMessageContaining(
                        "expected Parquet files, got 'file:" + directory.resolve("t/notes.txt") + "' (30 bytes): ")
                .hasMessageEndingWith(
                        "; if it is not a Parquet file, move it or pass a pattern that matches the others");
    }

    @Test
    void aColonInAFileNameThatHadoopCannotOpenIsNamed() throws IOException {
        Path file = ParquetFiles.write(directory.resolve("t/a.parquet"));
        Path colon = Files.move(file, file.resolveSibling("a:b.parquet"));
        Configuration hadoop = spark.sparkContext().hadoopConfiguration();
        String ours = hadoop.get("fs.file.impl");
        hadoop.set("fs.file.impl", LocalFileSystem.class.getName());
        hadoop.set("fs.file.impl.disable.cache", "true");
        try {
            assertThatThrownBy(() -> open(colon.getParent().toString()))
                    .isInstanceOf(InputException.class)
                    .hasMessageEndingWith("expected files that Hadoop's local file system can open, got a name with a"
                            + " colon, 'file:" + colon + "'; rename it");
        } finally {
            hadoop.set("fs.file.impl", ours);
            hadoop.unset("fs.file.impl.disable.cache");
        }
    }

    @Test
    void filesWithoutPageChecksumsCauseOneWarning() throws IOException {
        for (int f = 0; f < 30; f++) {
            boolean checked = f % 2 == 0;
            ParquetFiles.write(
                    directory.resolve("t/" + f + ".parquet"),
                    f < 2 ? 0 : 1,
                    1,
                    "",
                    builder -> builder.withPageWriteChecksumEnabled(checked));
        }
        String table = directory.resolve("t").toString();
        try (Warnings warnings = Warnings.open()) {
            open(table);
            assertThat(warnings.messages())
                    .singleElement()
                    .asString()
                    .matches("Table '" + table
                            + "': \\d+ of 20 files that were looked at have no page checksums, so damage"
                            + " in their data cannot be seen; write them with checksums \\(pyarrow:"
                            + " write_page_checksum=True\\)");
        }
        try (Warnings warnings = Warnings.open()) {
            open(table + "/*[02468].parquet");
            assertThat(warnings.messages()).isEmpty();
            open(table + "/*[13579].parquet");
            assertThat(warnings.messages()).singleElement().asString().contains(": 14 of 14 files");
        }
    }

    /** The rows that a run would publish; none if it is refused. */
    private List<String> found() {
        try {
            FeatureTables tables = open("touched:" + directory.resolve("t"));
            long rows = tables.audit(RowPolicy.FAIL).rows();
            List<String> found =
                    tables.pair(OptionalInt.empty()).rows().toJSON().collectAsList();
            tables.refuseChanged();
            assertThat(found).hasSize((int) rows);
            return found;
        } catch (InputException | TransientException refused) {
            return List.of();
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            assertThat(SparkFailure.translate(failure)).isInstanceOfAny(InputException.class, TransientException.class);
            return List.of();
        }
    }

    private List<String> rows(Path file) {
        return spark.read()
                .parquet(file.toString())
                .toDF("key", "feature0", "feature1")
                .toJSON()
                .collectAsList();
    }

    /** A file of many row groups. */
    private Path version(String name, int rows, String id) throws IOException {
        Path table = directory.resolve(name);
        spark.range(0, rows, 1, 1)
                .selectExpr(id + " as id", "array(float(id), 0f) as visual", "array(float(id), 1f) as text")
                .write()
                .options(Map.of(
                        "parquet.block.size", "1",
                        "parquet.page.size.row.check.min", "1",
                        "parquet.page.size.row.check.max", "1",
                        "parquet.block.size.row.check.min", "1",
                        "parquet.block.size.row.check.max", "1"))
                .parquet(table.toString());
        try (var files = Files.list(table)) {
            return files.filter(file -> file.toString().endsWith(".parquet"))
                    .findFirst()
                    .orElseThrow();
        }
    }

    private FeatureTables open(String path, String... kept) {
        return Tables.paired(
                spark,
                path,
                new TableColumns(
                        "id",
                        List.of(kept),
                        List.of(
                                new FeatureColumn(new ModalityConfig("visual", 2), "visual", null),
                                new FeatureColumn(new ModalityConfig("text", 2), "text", null))));
    }
}
