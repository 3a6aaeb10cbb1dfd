package dev.braid.publish;

import static dev.braid.publish.Written.write;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.failure.Diagnosis;
import dev.braid.failure.TransientException;
import dev.braid.spark.SharedSpark;
import dev.braid.spark.Tables;
import dev.braid.storage.AliasFileSystem;
import dev.braid.storage.InputPlaces;
import dev.braid.storage.JvmLocalFileSystem;
import dev.braid.storage.TablePath;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.commons.io.FileUtils;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(SharedSpark.class)
class FusedTableTest {
    private final SparkSession spark;

    @TempDir
    private Path directory;

    FusedTableTest(SparkSession spark) {
        this.spark = spark;
    }

    @Test
    void aTableIsPublishedWholeAndNothingElseStays() throws IOException {
        FusedTable table = at("out", false);
        write(table, rows(10), 10);
        assertThat(table.path()).isEqualTo("file:" + directory.resolve("out"));
        assertThat(names(directory)).containsExactly("out");
        assertThat(names(directory.resolve("out"))).contains("_SUCCESS");
        assertThat(spark.read().parquet(table.path()).count()).isEqualTo(10);
    }

    @Test
    void anExistingOutputIsRefusedUnlessItMayBeReplaced() throws IOException {
        write(at("out", false), rows(3), 3);
        assertThatThrownBy(() -> write(at("out", false), "another", rows(3), 3))
                .isInstanceOf(OutputExistsException.class)
                .hasMessage("Cannot write 'file:" + directory.resolve("out")
                        + "': expected a path that does not exist, got one that does; choose another or pass"
                        + " --overwrite");
        write(at("out", true), rows(5), 5);
        assertThat(spark.read().parquet(directory + "/out").count()).isEqualTo(5);
        assertThat(names(directory)).containsExactly("out");
    }

    /** What was appended to a table of the catalog must not be fused, and appended, again. */
    @Test
    void aTableThatIsToBeKeptIsNotReplaced() throws IOException {
        write(at("out", false), rows(3), 3);
        assertThat(at("out", true).begin("identity", published -> published.rows() == 3))
                .isEmpty();
        try (RunDirectory run =
                at("out", true).begin("identity", published -> false).orElseThrow()) {
            assertThat(run.finishedFiles()).isZero();
        }
        try (RunDirectory run =
                at("out", true).begin("another", published -> true).orElseThrow()) {
            assertThat(run.finishedFiles()).isZero();
        }
    }

    @Test
    void aDriverThatWasTakenForDeadChangesNothingMore() throws IOException {
        FusedTable table = at("out", false);
        write(table, rows(3), 3);
        List<String> done = new ArrayList<>();
        SecondOutput into = (published, place, owned) -> {
            owned.check();
            done.add("looked");
            Files.delete(directory.resolve(".out.owner"));
            assertThatThrownBy(owned::check).isInstanceOf(OutputExistsException.class);
            return new Manifest.Committed("db.t", "file:/t", "append", "7");
        };
        assertThatThrownBy(() -> table.commit("identity", into))
                .isInstanceOf(OutputExistsException.class)
                .hasMessageContaining("which took over");
        assertThat(done).containsExactly("looked");
        assertThat(Files.readString(directory.resolve("out/_manifest.json"))).doesNotContain("outputTables");
    }

    @Test
    void theManifestRemembersEachTableThatTookTheRowsByItsPlace() throws IOException {
        FusedTable table = at("out", false);
        write(table, rows(3), 3);
        table.commit("identity", (published, place, owned) -> new Manifest.Committed("db.t", "file:/t", "append", "7"));
        table.commit("identity", (published, place, owned) -> new Manifest.Committed("u", "file:/u", "append", "1"));
        Manifest manifest = table.commit(
                "identity", (published, place, owned) -> new Manifest.Committed("t", "file:///t/", "append", "8"));
        assertThat(manifest.committed("file:/t").orElseThrow().snapshot()).isEqualTo("8");
        assertThat(manifest.committed("file:///u")).isPresent();
        assertThat(manifest.outputTables()).hasSize(2);
    }

    @Test
    void aManifestThatNamesNoRunIsRefusedBeforeATableIsAsked() throws IOException {
        FusedTable table = at("out", false);
        write(table, rows(3), 3);
        Path manifest = directory.resolve("out/_manifest.json");
        Files.deleteIfExists(directory.resolve("out/._manifest.json.crc"));
        Files.writeString(
                manifest, Files.readString(manifest).replaceFirst("\"run\" : \"[^\"]*", "\"run\" : \"x' OR '1'='1"));
        assertThatThrownBy(() -> table.commit("identity", (published, place, owned) -> {
                    throw new IllegalStateException();
                }))
                .isInstanceOf(InputException.class)
                .hasMessageEndingWith(
                        "to a table: expected a run's identifier in '_manifest.json', got 'x' OR '1'='1'");
    }

    @Test
    void anOutputThatAppearsMeanwhileStaysAndSoDoesTheFinishedTable() throws IOException {
        FusedTable table = at("out", false);
        try (RunDirectory run = table.begin("a", published -> false).orElseThrow()) {
            Files.createDirectory(directory.resolve("out"));
            Files.createFile(directory.resolve("out/other.parquet"));
            assertThatThrownBy(() -> table.write(run, Written.files(run, "a", rows(3)), written -> 3, () -> {}))
                    .isInstanceOf(OutputExistsException.class)
                    .hasMessageEndingWith("; the finished table is kept at 'file:" + directory
                            + "/.out.run': the same command publishes it");
        }
        assertThat(names(directory.resolve("out"))).containsExactly("other.parquet");
        assertFinishedTableIsKept(3);
    }

    /** Rows that are written and counted are hours of work. */
    private void assertFinishedTableIsKept(int rows) throws IOException {
        assertThat(spark.read().parquet(directory + "/.out.run").count()).isEqualTo(rows);
    }

    @Test
    void aFailedRunLeavesNoOutputAndTheOldOneUntouched() throws IOException {
        Dataset<Row> failing = rows(10).map(
                        (MapFunction<Row, Row>) row -> {
                            if (row.getLong(0) == 7) {
                                throw new InputException("Cannot decode row '7'");
                            }
                            return row;
                        },
                        Encoders.row(rows(1).schema()));
        assertThatThrownBy(() -> write(at("out", false), failing, 10))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot decode row '7'");
        assertThat(names(directory)).isEmpty();
        write(at("out", false), rows(3), 3);
        assertThatThrownBy(() -> write(at("out", true), failing, 10)).isInstanceOf(InputException.class);
        assertThat(names(directory)).containsExactly("out");
        assertThat(spark.read().parquet(directory + "/out").count()).isEqualTo(3);
    }

    /** Changes files that are finished. */
    private interface Change {
        void of(Path run, Path file) throws IOException;
    }

    private void assertNotPublished(Change change, String problem) throws IOException {
        FusedTable table = at("out", false);
        try (RunDirectory run = table.begin("a", published -> false).orElseThrow()) {
            assertThatThrownBy(() -> table.write(
                            run,
                            to -> {
                                Manifest manifest = Written.files(run, "a", rows(10).repartition(2))
                                        .write(to);
                                Path staged = Path.of(to.replaceFirst("^file:", ""));
                                change.of(
                                        staged,
                                        staged.resolve(manifest.files().get(1).file()));
                                return manifest;
                            },
                            written -> 10,
                            () -> {}))
                    .isInstanceOf(TransientException.class)
                    .hasMessageMatching("Cannot publish 'file:[^']*/out': " + problem);
        }
        assertThat(names(directory)).isEmpty();
    }

    @Test
    void filesThatAreNotWhatTheirTasksRecordedAreNotPublished() throws IOException {
        String next = "; stop whatever else writes there, and run the same command again";
        assertNotPublished(
                (run, file) -> Files.delete(file),
                "'part-[^']*': expected a file of \\d rows, got none; expected 10 rows \\(keys of the input\\), got \\d"
                        + "; did the input change while it was read\\?");
        assertNotPublished(
                (run, file) -> Files.copy(file, run.resolve("part-9.parquet")),
                "'part-9.parquet': expected only files that the manifest names, got another file" + next);
        assertNotPublished(
                (run, file) -> {
                    Path other = directory.resolve("other");
                    spark.read()
                            .parquet(file.toString())
                            .withColumnRenamed("id", "key")
                            .coalesce(1)
                            .write()
                            .parquet(other.toString());
                    Files.delete(run.resolve("." + file.getFileName() + ".crc"));
                    try (Stream<Path> parts = Files.list(other)) {
                        Path part = parts.filter(path -> path.toString().endsWith(".parquet"))
                                .findFirst()
                                .orElseThrow();
                        Files.move(part, file, StandardCopyOption.REPLACE_EXISTING);
                    }
                    FileUtils.deleteDirectory(other.toFile());
                },
                "'part-[^']*': expected the columns of 'part-[^']*', 'id', 'fused', got 'key', 'fused'" + next);
    }

    @Test
    void theManifestSaysWhatWasCheckedBeforeItWasPublished() throws IOException {
        write(at("out", false), rows(10).repartition(2), 10);
        assertThat(Manifest.of(
                        new org.apache.hadoop.fs.Path(directory + "/out"),
                        org.apache.hadoop.fs.FileSystem.getLocal(new Configuration())))
                .map(Manifest::audit)
                .contains(new Manifest.Audit(2, 10, 10));
    }

    @Test
    void aCountThatIsNotTheKeysIsNotPublished() throws IOException {
        assertThatThrownBy(() -> write(at("out", false), rows(10), 11))
                .isInstanceOf(TransientException.class)
                .hasMessage("Cannot publish 'file:" + directory.resolve("out")
                        + "': expected 11 rows (keys of the input), got 10; did the input change while it was read?");
        assertThat(names(directory)).isEmpty();
    }

    @Test
    void theOldOutputComesBackWhenTheNewOneCannotTakeItsPlace() throws IOException {
        write(at("out", false), rows(3), 3);
        assertThatThrownBy(() -> write(on(NoNewOutput.class), rows(5), 5))
                .isInstanceOf(TransientException.class)
                .hasMessageContaining("Cannot rename")
                .hasMessageContaining("; the old table is back; the finished table is kept at 'file:");
        assertThat(spark.read().parquet(directory + "/out").count()).isEqualTo(3);
        assertFinishedTableIsKept(5);
    }

    /** Cannot rename a staging directory. */
    public static class NoNewOutput extends JvmLocalFileSystem.Raw {
        @Override
        public boolean rename(org.apache.hadoop.fs.Path from, org.apache.hadoop.fs.Path to) throws IOException {
            return !from.getName().equals(".out.run") && super.rename(from, to);
        }
    }

    @Test
    void whereNeitherTableCanTakeThePlaceBothAreNamedAndTheFirstFailureIsKept() throws IOException {
        write(at("out", false), rows(3), 3);
        assertThatThrownBy(() -> write(on(NoOutput.class), rows(5), 5))
                .isInstanceOf(TransientException.class)
                .hasMessageMatching("Cannot publish 'file:.*/out': .*; nothing is at that path now: the old table is at"
                        + " 'file:.*/\\.out\\.replaced', the finished one at 'file:.*/\\.out\\.run'; the same command"
                        + " publishes it")
                .hasRootCauseMessage("Cannot rename 'file:" + directory + "/.out.run' to 'file:" + directory + "/out'");
        assertThat(spark.read().parquet(directory + "/.out.replaced").count()).isEqualTo(3);
        assertFinishedTableIsKept(5);
    }

    /** Can rename nothing to the output. */
    public static final class NoOutput extends JvmLocalFileSystem.Raw {
        @Override
        public boolean rename(org.apache.hadoop.fs.Path from, org.apache.hadoop.fs.Path to) throws IOException {
            return !to.getName().equals("out") && super.rename(from, to);
        }
    }

    @Test
    void aRenameThatMovesIntoADirectoryIsTakenBack() throws IOException {
        assertThatThrownBy(() -> write(on(Late.class), rows(5), 5))
                .isInstanceOf(TransientException.class)
                .hasMessageContaining("has appeared meanwhile");
        assertThat(names(directory.resolve("out"))).isEmpty();
        assertFinishedTableIsKept(5);
    }

    /** As HDFS renames where another run has published a moment before. */
    public static final class Late extends JvmLocalFileSystem.Raw {
        @Override
        public boolean rename(org.apache.hadoop.fs.Path from, org.apache.hadoop.fs.Path to) throws IOException {
            if (!to.getName().equals("out")) {
                return super.rename(from, to);
            }
            mkdirs(to);
            return super.rename(from, new org.apache.hadoop.fs.Path(to, from.getName()));
        }
    }

    private FusedTable on(Class<? extends JvmLocalFileSystem.Raw> files) {
        Configuration hadoop = new Configuration();
        hadoop.setClass("fs.file.impl", files, JvmLocalFileSystem.Raw.class);
        hadoop.setBoolean("fs.file.impl.disable.cache", true);
        return Tables.output(directory + "/out", true, List.of(), hadoop);
    }

    @Test
    void onlyATableIsReplaced() throws IOException {
        for (String other : List.of(
                "thesis.tex",
                "part-0.csv",
                "_notes.docx",
                ".env",
                ".git/HEAD",
                "_delta_log/0.json",
                "sub/x.parquet",
                "k=1/notes.txt")) {
            Path file = directory.resolve("out").resolve(other);
            Files.createDirectories(file.getParent());
            Files.writeString(file, "mine");
            Files.writeString(directory.resolve("out/a.parquet"), "");
            Files.writeString(directory.resolve("out/_SUCCESS"), "");
            assertThatThrownBy(() -> at("out", true))
                    .as(other)
                    .isInstanceOf(OutputExistsException.class)
                    .hasMessageContaining("expected a table (a directory of nothing but Parquet files) or an empty"
                            + " directory, got one with '" + other.replaceFirst("^k=1/|/.*", "") + "'; choose another");
            assertThat(file).hasContent("mine");
            org.apache.hadoop.fs.FileUtil.fullyDelete(directory.resolve("out").toFile());
        }
        Files.createDirectory(directory.resolve("out"));
        Files.writeString(directory.resolve("out/.bashrc"), "mine");
        assertThatThrownBy(() -> at("out", true)).hasMessageContaining("got one with '.bashrc'");
        Files.move(directory.resolve("out/.bashrc"), directory.resolve("out/_metadata"));
        assertThatThrownBy(() -> at("out", true)).hasMessageContaining("got one without Parquet files");
        Files.delete(directory.resolve("out/_metadata"));
        at("out", true);
        Files.createDirectory(directory.resolve("out/k=1"));
        Files.writeString(directory.resolve("out/k=1/.a.parquet.crc"), "");
        Files.writeString(directory.resolve("out/k=1/a.parquet"), "");
        for (String marker :
                List.of("_SUCCESS", "_common_metadata", "._SUCCESS.crc", "_started_12", "_manifest.json")) {
            Files.writeString(directory.resolve("out").resolve(marker), "");
        }
        at("out", true);
        Files.writeString(directory.resolve("file"), "mine");
        assertThatThrownBy(() -> at("file", true))
                .isInstanceOf(OutputExistsException.class)
                .hasMessageContaining("got a file; choose another path, or remove it yourself");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"a:b", "run_2024-01-01T00:00:00", "[x]*{y}", "50%20", "a b", "图像 é", ".hidden", "new/deep:er/out"
            })
    void anyNameCanBeWrittenAndReplaced(String name) throws IOException {
        for (int count = 3; count < 5; count++) {
            write(at(name, true), rows(count), count);
        }
        Path out = directory.resolve(name);
        assertThat(names(out)).contains("_SUCCESS");
        assertThat(names(out.getParent())).containsExactly(out.getFileName().toString());
        assertThat(Written.shards(TablePath.parse(out.toString(), new Configuration())))
                .extracting(Shard::rows)
                .satisfies(rows -> assertThat(
                                rows.stream().mapToLong(Long::longValue).sum())
                        .isEqualTo(4));
    }

    @Test
    void aNameOfTheLongestKindIsWrittenAndALongerOneSaysSoAtOnce() throws IOException {
        write(at("x".repeat(255), false), rows(1), 1);
        assertThat(names(directory)).containsExactly("x".repeat(255));
        for (String name : List.of("x".repeat(256), "é".repeat(128))) {
            assertThatThrownBy(() -> at(name, false))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("got 'File name too long'; choose another path")
                    .satisfies(failure ->
                            assertThat(Diagnosis.isPermanent(failure)).isTrue());
        }
        assertThat(names(directory)).containsExactly("x".repeat(255));
    }

    @Test
    void lookingAtThePlaceCreatesNothing() throws IOException {
        at("new/parent/out", false);
        assertThat(names(directory)).isEmpty();
    }

    @Test
    void aLinkIsFollowedToWhereItLeads() throws IOException {
        Files.createSymbolicLink(directory.resolve("current"), Path.of("v3"));
        write(at("current", false), rows(3), 3);
        write(at("current", true), rows(4), 4);
        assertThat(Files.isSymbolicLink(directory.resolve("current"))).isTrue();
        assertThat(names(directory)).containsExactly("current", "v3");
        assertThat(spark.read().parquet(directory + "/v3").count()).isEqualTo(4);
    }

    @Test
    void anOutputThatTouchesAnInputIsRefused() throws IOException {
        Files.createDirectories(directory.resolve("in/a"));
        for (String output : List.of("in/a", "in/a/out", "in", "in/./a/")) {
            assertRefused(output, "in/*", "': expected a path apart from the input, got input '");
        }
        Tables.output(directory + "/in/b", true, List.of(directory + "/in/*"), new Configuration());
    }

    @Test
    void anInputUnderAnotherNameIsRefusedAndStays() throws IOException {
        Files.createDirectories(directory.resolve("real/pairs"));
        Files.writeString(directory.resolve("real/pairs/x.parquet"), "rows");
        Files.createSymbolicLink(directory.resolve("latest"), Path.of("real/pairs"));
        Files.createSymbolicLink(directory.resolve("alias"), Path.of("real"));
        Configuration hadoop = AliasFileSystem.hadoop();
        for (String input : List.of("latest", "alias/pairs", "lat*", "alias/*", "latest/x.parquet", "alias")) {
            for (String scheme : List.of("", "file:", "file://", "mount://a")) {
                assertThatThrownBy(() -> Tables.output(
                                directory + "/real/pairs", true, List.of(scheme + directory + "/" + input), hadoop))
                        .as(scheme + input)
                        .isInstanceOf(InputException.class)
                        .hasMessageContaining("': expected a path apart from the input, got input '");
            }
        }
        assertThatThrownBy(() -> Tables.output(directory + "/latest", true, List.of(directory + "/real/pairs"), hadoop))
                .isInstanceOf(InputException.class);
        assertThatThrownBy(() ->
                        Tables.output(directory + "/alias/pairs/new/out", true, List.of(directory + "/latest"), hadoop))
                .isInstanceOf(InputException.class);
        assertThat(directory.resolve("real/pairs/x.parquet")).hasContent("rows");
        Tables.output(directory + "/alias/other", true, List.of(directory + "/latest"), hadoop);
    }

    /** Spark follows links in a directory, so the rows may be in the output although the directory is not. */
    @Test
    void anInputThatLinksIntoTheOutputIsRefused() throws IOException {
        Files.createDirectories(directory.resolve("pairs/dt=1"));
        Files.writeString(directory.resolve("pairs/dt=1/x.parquet"), "rows");
        Files.createDirectories(directory.resolve("file/a"));
        Files.createSymbolicLink(directory.resolve("file/a/x.parquet"), directory.resolve("pairs/dt=1/x.parquet"));
        Files.createDirectory(directory.resolve("partition"));
        Files.createSymbolicLink(directory.resolve("partition/dt=1"), Path.of("../pairs/dt=1"));
        Files.createDirectory(directory.resolve("link"));
        Files.createSymbolicLink(directory.resolve("link/to"), directory.resolve("file"));
        Files.createSymbolicLink(directory.resolve("link/circle"), directory.resolve("link"));
        for (String input : List.of("file", "partition", "link", "li*")) {
            assertRefused("pairs", input, "which leads to 'file:" + directory + "/pairs/dt=1");
        }
        Tables.output(directory + "/other", true, List.of(directory + "/link"), new Configuration());
        Files.createDirectories(directory.resolve("file/.git"));
        Files.createSymbolicLink(directory.resolve("file/.git/x"), directory.resolve("other"));
        Tables.output(directory + "/other", true, List.of(directory + "/link"), new Configuration());
        Files.createDirectory(directory.resolve("model"));
        Files.createSymbolicLink(directory.resolve("model/data"), directory.resolve("file"));
        Files.createSymbolicLink(directory.resolve("model/config.json"), directory.resolve("pairs/dt=1/x.parquet"));
        InputPlaces model = InputPlaces.of(List.of(), List.of(directory + "/model"), new Configuration());
        assertThat(model.overlapping(path("file/out"))).isEmpty();
        assertThat(model.overlapping(path("pairs/out"))).isEmpty();
        assertThat(model.overlapping(path("pairs"))).isPresent();
    }

    /** A table that is published by its manifest is cleared file by file. */
    @Test
    void anOutputThatLinksToTheInputIsRefused() throws IOException {
        Files.createDirectories(directory.resolve("in"));
        Files.writeString(directory.resolve("in/x.parquet"), "rows");
        Files.createDirectories(directory.resolve("out"));
        for (String link : List.of("out/q=1", "out/_quarantine")) {
            Files.createSymbolicLink(directory.resolve(link), Path.of("../in"));
            assertRefused(
                    "out", "in", "got link 'file:" + directory + "/" + link + "' to input 'file:" + directory + "/in'");
            Files.delete(directory.resolve(link));
        }
    }

    private void assertRefused(String output, String input, String message) {
        assertThatThrownBy(() -> Tables.output(
                        directory + "/" + output, true, List.of(directory + "/" + input), new Configuration()))
                .as(input)
                .isInstanceOf(InputException.class)
                .hasMessageContaining(message);
    }

    private org.apache.hadoop.fs.Path path(String name) {
        return new org.apache.hadoop.fs.Path("file:" + directory.resolve(name));
    }

    @Test
    void aPlaceWhereNothingCanBeCreatedIsNamed() throws IOException {
        Files.writeString(directory.resolve("file"), "no directory");
        assertThatThrownBy(() -> at("file/out", false))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot write 'file:" + directory.resolve("file/out")
                        + "': expected a directory to create it in," + " got file 'file:" + directory.resolve("file")
                        + "'; choose another path");
    }

    @Test
    void aTableWithoutRowsHasItsSchema() {
        write(at("out", false), rows(0), 0);
        Dataset<Row> written = spark.read().parquet(directory + "/out");
        assertThat(written.count()).isZero();
        assertThat(written.columns()).containsExactly("id", "fused");
    }

    private FusedTable at(String name, boolean overwrite) {
        return Tables.output(directory + "/" + name, overwrite, List.of(), new Configuration());
    }

    private Dataset<Row> rows(int count) {
        return spark.range(0, count, 1, 2).selectExpr("id", "array(1f, 2f) as fused");
    }

    private static Set<String> names(Path directory) throws IOException {
        try (var files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).collect(Collectors.toCollection(TreeSet::new));
        }
    }
}
