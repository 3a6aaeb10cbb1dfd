package dev.braid.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.failure.TransientException;
import dev.braid.spark.SharedSpark;
import dev.braid.spark.Tables;
import java.io.IOException;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FileUtil;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What runs leave to each other. A run that was killed is played by what it leaves: its files, and no process. */
@ExtendWith(SharedSpark.class)
class RunDirectoryTest {
    private final SparkSession spark;

    @TempDir
    private Path directory;

    private FileSystem files;

    RunDirectoryTest(SparkSession spark) {
        this.spark = spark;
    }

    @BeforeEach
    void setUp() throws IOException {
        files = FileSystem.getLocal(new Configuration());
    }

    @Test
    void oneOfTwoRunsIsToldBeforeItWorks() throws IOException {
        try (RunDirectory first = begin("a", false)) {
            assertThatThrownBy(() -> begin("a", false))
                    .isInstanceOf(OutputExistsException.class)
                    .hasMessageStartingWith("Cannot write 'file:" + directory.resolve("out")
                            + "': expected no other run that writes it, got run '" + first.id() + "' on '")
                    .hasMessageEndingWith(
                            "', process " + ProcessHandle.current().pid() + "; wait until it ends, or stop it");
        }
        begin("a", false).close();
        assertThat(names(directory)).isEmpty();
    }

    @Test
    void aRunWhoseProcessIsGoneIsTakenOver() throws IOException {
        Owner.Claim own = Owner.Claim.own("killed");
        Json.create(new Owner.Claim("killed", own.place(), own.process(), "long ago"), hidden("owner"), false, files);
        begin("a", false).close();
        assertThat(names(directory)).isEmpty();
    }

    @Test
    void whatARunLeavesThatWasKilledWhileItTookOverIsRemoved() throws IOException {
        Json.create(Owner.Claim.own("killed"), hidden("owner.dead"), false, files);
        begin("a", false).close();
        assertThat(names(directory)).isEmpty();
    }

    @Test
    void aRunOnAnotherMachineLivesAsLongAsItsFileIsRewritten() throws Exception {
        org.apache.hadoop.fs.Path owner = hidden("owner");
        Owner.Claim elsewhere = new Owner.Claim("other", "elsewhere pid:[1]", 7, "2026-01-01T00:00:00Z");
        Json.create(elsewhere, owner, false, files);
        Thread beats = new Thread(() -> {
            try {
                for (int i = 0; i < 100; i++) {
                    Thread.sleep(50);
                    Json.create(elsewhere, owner, true, files);
                }
            } catch (IOException | InterruptedException stopped) {
                // The test is over.
            }
        });
        beats.start();
        assertThatThrownBy(() -> Owner.take(owner, files, "own", new org.apache.hadoop.fs.Path("out"), 200))
                .isInstanceOf(OutputExistsException.class)
                .hasMessageContaining("got run 'other' on 'elsewhere', process 7");
        beats.interrupt();
        beats.join();
        Json.create(elsewhere, owner, true, files);
        Owner.take(owner, files, "own", new org.apache.hadoop.fs.Path("out"), 100)
                .close();
        assertThat(names(directory)).isEmpty();
    }

    @Test
    void finishedFilesStayForTheSameRunAlone() throws IOException {
        String id = leaveAShard("a");
        try (RunDirectory same = begin("a", false)) {
            assertThat(same.id()).isEqualTo(id);
            assertThat(same.finishedFiles()).isEqualTo(1);
        }
        try (RunDirectory other = begin("b", false)) {
            assertThat(other.id()).isNotEqualTo(id);
            assertThat(other.finishedFiles()).isZero();
            assertThat(names(directory.resolve(".out.run"))).doesNotContain("part-0.parquet");
        }
        assertThat(names(directory)).isEmpty();
    }

    @Test
    void filesOfPartitionsThatNoOtherRunFindsAgainDoNotStay() throws IOException {
        leaveAShard("a", Shard.ONCE + "1");
        assertThat(names(directory)).isEmpty();
    }

    @Test
    void aFailureThatMayPassKeepsFinishedFilesAndOneOfTheInputDoesNot() throws IOException {
        leaveAShard("a");
        try (RunDirectory run = begin("a", false)) {
            assertThatThrownBy(() -> table(false)
                            .write(
                                    run,
                                    to -> {
                                        throw new SocketException("Connection reset");
                                    },
                                    written -> 1,
                                    () -> {}))
                    .isInstanceOf(TransientException.class);
        }
        try (RunDirectory run = begin("a", false)) {
            assertThat(run.finishedFiles()).isEqualTo(1);
            assertThatThrownBy(() -> table(false)
                            .write(
                                    run,
                                    to -> {
                                        throw new InputException("Cannot decode row 'x'");
                                    },
                                    written -> 1,
                                    () -> {}))
                    .isInstanceOf(InputException.class);
        }
        assertThat(names(directory)).isEmpty();
    }

    @Test
    void theSameRunAgainHasNothingToDo() throws IOException {
        Written.write(table(false), "a", rows(3), 3);
        assertThat(table(false).begin("a", published -> false)).isEmpty();
        assertThatThrownBy(() -> table(false).begin("b", published -> false))
                .isInstanceOf(OutputExistsException.class)
                .hasMessageContaining("choose another or pass --overwrite");
        Written.write(table(true), "a", rows(4), 4);
        assertThat(spark.read().parquet(directory + "/out").count()).isEqualTo(4);
        assertThat(names(directory)).containsExactly("out");
    }

    @Test
    void aTableThatLacksAFileOfItsManifestIsNotTakenForDone() throws IOException {
        Written.write(table(false), "a", rows(3), 3);
        String file = names(directory.resolve("out")).stream()
                .filter(name -> name.startsWith("part-"))
                .findFirst()
                .orElseThrow();
        Files.delete(directory.resolve("out").resolve(file));
        assertThatThrownBy(() -> table(false).begin("a", published -> false))
                .isInstanceOf(OutputExistsException.class)
                .hasMessage("Cannot keep 'file:" + directory.resolve("out") + "': expected file '" + file + "'"
                        + " (_manifest.json), got none; pass --overwrite to write the table anew");
        begin("a", true).close();
    }

    /** Of the kinds that a full disk, another program or a user leaves. */
    @ParameterizedTest
    @ValueSource(strings = {"", "{}", "[]", "[null]", "[{}]", "null", "[{\"partitions\": 1}]", "\0\0\0", "directory"})
    void filesThatAreNoneOfOursAreRemoved(String content) throws IOException {
        String id = leaveAShard("a");
        Path run = directory.resolve(".out.run");
        for (String name : List.of(
                "_manifest.json",
                "_shards/00001.json",
                "_shards/x.json",
                "x.parquet",
                "x",
                "_attempts/x",
                "_quarantine/x")) {
            put(content, run.resolve(name));
        }
        Files.copy(run.resolve("_shards/00000.json"), run.resolve("_shards/00002.json"));
        try (RunDirectory same = begin("a", false)) {
            assertThat(same.id()).isEqualTo(id);
            assertThat(new ShardRecords(hidden("run"), files).keepFinished("plan"))
                    .hasSize(1);
            assertThat(names(run))
                    .containsExactly("_attempts", "_plan.json", "_quarantine", "_shards", "part-0.parquet");
            assertThat(names(run.resolve("_shards"))).containsExactly("00000.json");
            assertThat(names(run.resolve("_attempts"))).isEmpty();
            assertThat(names(run.resolve("_quarantine"))).isEmpty();
        }
    }

    @Test
    void filesWhereDirectoriesShouldBeAreReplaced() throws IOException {
        leaveAShard("a");
        Path run = directory.resolve(".out.run");
        for (String name : List.of("_attempts", "_shards", "_quarantine")) {
            delete(run.resolve(name));
            Files.writeString(run.resolve(name), "x");
        }
        try (RunDirectory same = begin("a", false)) {
            assertThat(new ShardRecords(same.path(), files).keepFinished("plan"))
                    .isEmpty();
        }
        Files.writeString(run, "x");
        begin("a", false).close();
        assertThat(names(directory)).isEmpty();
    }

    @Test
    void aRecordWhoseFileIsGoneDoesNotCount() throws IOException {
        leaveAShard("a");
        Files.delete(directory.resolve(".out.run/part-0.parquet"));
        try (RunDirectory same = begin("a", false)) {
            assertThat(new ShardRecords(same.path(), files).keepFinished("plan"))
                    .isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aRunKilledBeforeItPublishedIsPublishedByTheNext(boolean replacing) throws IOException {
        if (replacing) {
            Written.write(table(false), "old", rows(9), 9);
        }
        leaveAFinishedTable("a", 3);
        try (RunDirectory run = begin("a", replacing)) {
            table(replacing)
                    .write(
                            run,
                            to -> {
                                throw new AssertionError("nothing is to be computed");
                            },
                            written -> 3,
                            () -> {});
        }
        assertThat(spark.read().parquet(directory + "/out").count()).isEqualTo(3);
        assertThat(names(directory)).containsExactly("out");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aRunKilledBetweenBothRenamesIsFinishedByTheNext(boolean overwrite) throws IOException {
        Written.write(table(false), "old", rows(9), 9);
        leaveAFinishedTable("a", 3);
        Files.move(directory.resolve("out"), directory.resolve(".out.replaced"));
        assertThat(table(overwrite).begin("a", published -> false)).isEmpty();
        assertThat(spark.read().parquet(directory + "/out").count()).isEqualTo(3);
        assertThat(names(directory)).containsExactly("out");
    }

    @Test
    void anUpdateThatWasKilledIsNotTakenForARunOverTheSameInput() throws IOException {
        Written.write(table(false), "old", rows(9), 9);
        leaveAFinishedTable("a", 3);
        Path manifest = directory.resolve(".out.run/_manifest.json");
        String update =
                "\"update\": {\"over\": \"old\", \"kept\": 1, \"changed\": 0, \"removed\": 0, \"left\": 0}, \"run\"";
        String updated = Files.readString(manifest).replaceFirst("\"run\"", update);
        Files.delete(directory.resolve(".out.run/._manifest.json.crc"));
        Files.writeString(manifest, updated);
        Files.move(directory.resolve("out"), directory.resolve(".out.replaced"));
        try (RunDirectory run = table(true).begin("a", published -> false).orElseThrow()) {
            assertThat(run.finished()).isEmpty();
        }
    }

    @Test
    void whatARunFinishedBeforeThereWasATableIsNotPublishedOverIt() throws IOException {
        leaveAFinishedTable("a", 3);
        Files.move(directory.resolve(".out.run"), directory.resolve("aside"));
        Written.write(table(false), "old", rows(9), 9);
        Files.move(directory.resolve("aside"), directory.resolve(".out.run"));
        TableChange more = new TableChange() {
            @Override
            public String identity(Optional<Manifest> published) {
                return "a";
            }

            @Override
            public boolean isDone(Manifest published) {
                return false;
            }
        };
        try (RunDirectory run = table(true).begin(more).orElseThrow()) {
            assertThat(run.base()).isPresent();
            assertThat(run.finished()).isEmpty();
        }
    }

    @Test
    void aRunThatFollowsAnotherFinishedOneCanBeResumedToo() throws IOException {
        leaveAFinishedTable("a", 3);
        String id = leaveAShard("b");
        try (RunDirectory run = begin("b", false)) {
            assertThat(run.id()).isEqualTo(id);
            assertThat(run.finishedFiles()).isEqualTo(1);
        }
    }

    @Test
    void anOldTableIsPutBackWhereTheNewOneIsNotFinished() throws IOException {
        Written.write(table(false), "old", rows(9), 9);
        Files.move(directory.resolve("out"), directory.resolve(".out.replaced"));
        assertThatThrownBy(() -> table(false).begin("a", published -> false)).isInstanceOf(OutputExistsException.class);
        assertThat(spark.read().parquet(directory + "/out").count()).isEqualTo(9);
        assertThat(names(directory)).containsExactly("out");
    }

    @Test
    void anOldTableOfWhichHalfIsDeletedIsNotPutBack() throws IOException {
        Written.write(table(false), "old", rows(9), 9);
        Files.move(directory.resolve("out"), directory.resolve(".out.replaced"));
        Files.createFile(directory.resolve(".out.removing"));
        begin("a", false).close();
        assertThat(names(directory)).isEmpty();
    }

    @Test
    void filesOfARunWhoseDeletionWasCutShortAreNotTakenForWhole() throws IOException {
        leaveAShard("a");
        FileSystem killed = killedAtDeletionOf(".out.run", "part-0.parquet");
        RunDirectory other = RunDirectory.take(hidden("run"), hidden("owner"), killed, path("out"));
        assertThatThrownBy(() -> other.resume("b")).hasMessage("killed");
        Files.delete(directory.resolve(".out.owner"));
        try (RunDirectory again = begin("a", false)) {
            assertThat(again.finishedFiles()).isZero();
        }
    }

    @Test
    void theNextRunRemovesADirectoryThatOneMadeAsATrial() throws IOException {
        FileSystem killed = killedAtDeletionOf(".probe", "nothing");
        assertThatThrownBy(() -> new OutputCheck(path("out"), killed).refuseUncreatable())
                .hasMessage("killed");
        assertThat(names(directory)).hasSize(1);
        new OutputCheck(path("out"), files).refuseUncreatable();
        assertThat(names(directory)).isEmpty();
    }

    @Test
    void aRunKilledBeforeItDeletedTheOldTableIsTidiedUp() throws IOException {
        Written.write(table(false), "old", rows(9), 9);
        Files.move(directory.resolve("out"), directory.resolve(".out.replaced"));
        Files.createDirectory(directory.resolve("elsewhere"));
        Written.write(at("elsewhere/out", false), "a", rows(3), 3);
        Files.move(directory.resolve("elsewhere/out"), directory.resolve("out"));
        assertThat(table(false).begin("a", published -> false)).isEmpty();
        assertThat(names(directory)).containsExactly("elsewhere", "out");
    }

    @Test
    void outputsOfLikeNamesHaveDirectoriesOfTheirOwn() throws IOException {
        Set<String> names = new TreeSet<>();
        for (String output : List.of("图像", "画像", "a b", "a_b", "x".repeat(120), "x".repeat(121))) {
            names.add(new OutputCheck(path(output), files).hidden("run").getName());
        }
        assertThat(names).hasSize(6);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{}", "[]", "null", "{\"place\": 1}", "directory"})
    void anOwnerThatNamesNoRunIsDead(String content) throws IOException {
        put(content, directory.resolve(".out.owner"));
        Owner.take(hidden("owner"), files, "own", new org.apache.hadoop.fs.Path("out"), 10)
                .close();
        assertThat(names(directory)).isEmpty();
    }

    private static void put(String content, Path file) throws IOException {
        if (content.equals("directory")) {
            Files.createDirectories(file.resolve("inner"));
        } else {
            Files.writeString(file, content);
        }
    }

    private static void delete(Path directory) {
        FileUtil.fullyDelete(directory.toFile());
    }

    /** What a run leaves that was killed when its first task was finished. */
    private String leaveAShard(String identity) throws IOException {
        return leaveAShard(identity, "plan");
    }

    private String leaveAShard(String identity, String plan) throws IOException {
        RunDirectory run = begin(identity, false);
        org.apache.hadoop.fs.Path path = hidden("run");
        new ShardRecords(path, files).keepFinished(plan);
        Files.createFile(directory.resolve(".out.run/part-0.parquet"));
        Shard shard = new Shard(plan, List.of(0), "part-0.parquet", 1, 1, 0, null, "0", null, Map.of());
        Json.write(List.of(shard), ShardRecords.path(path, 0), new org.apache.hadoop.fs.Path(path, "_attempts"), files);
        run.close();
        return run.id();
    }

    private void leaveAFinishedTable(String identity, int count) throws IOException {
        try (RunDirectory run = begin(identity, true)) {
            Manifest manifest =
                    Written.files(run, identity, rows(count)).write(run.path().toString());
            run.finish(manifest);
        }
    }

    /** A file system that deletes no more than one file of a directory whose name begins so, and fails then. */
    private static FileSystem killedAtDeletionOf(String directory, String file) throws IOException {
        FileSystem killed = new RawLocalFileSystem() {
            @Override
            public boolean delete(org.apache.hadoop.fs.Path path, boolean recursive) throws IOException {
                if (!path.getName().startsWith(directory)) {
                    return super.delete(path, recursive);
                }
                super.delete(new org.apache.hadoop.fs.Path(path, file), false);
                throw new IOException("killed");
            }
        };
        killed.initialize(java.net.URI.create("file:///"), new Configuration());
        return killed;
    }

    private RunDirectory begin(String identity, boolean overwrite) throws IOException {
        return table(overwrite).begin(identity, published -> false).orElseThrow();
    }

    private FusedTable table(boolean overwrite) {
        return at("out", overwrite);
    }

    private FusedTable at(String name, boolean overwrite) {
        return Tables.output(directory + "/" + name, overwrite, List.of(), new Configuration());
    }

    private org.apache.hadoop.fs.Path hidden(String purpose) {
        return path(".out." + purpose);
    }

    private org.apache.hadoop.fs.Path path(String name) {
        return new org.apache.hadoop.fs.Path("file://" + directory + "/" + name);
    }

    private Dataset<Row> rows(int count) {
        return spark.range(0, count, 1, 2).selectExpr("id", "array(1f, 2f) as fused");
    }

    private static Set<String> names(Path directory) throws IOException {
        try (var files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> !name.endsWith(".crc"))
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }
}
