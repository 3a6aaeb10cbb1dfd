package dev.braid.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.spark.SharedSpark;
import dev.braid.spark.Tables;
import dev.braid.storage.BucketFileSystem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.CommonPathCapabilities;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FileUtil;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Whole tables that are published by their manifest, and a driver that dies at every step of that; object stores. */
@ExtendWith(SharedSpark.class)
class PublicationTest {
    private static final Optional<Publication> BY_MANIFEST = Optional.of(Publication.MANIFEST);
    private static final long ROWS = 6;

    private final SparkSession spark;

    @TempDir
    private Path directory;

    @TempDir
    private Path elsewhere;

    PublicationTest(SparkSession spark) {
        this.spark = spark;
    }

    /** What is at the place before. */
    enum Before {
        NOTHING,
        BRAIDS_TABLE,
        SPARKS_TABLE
    }

    /** A table of two files. */
    @BeforeEach
    void write() {
        spark.range(0, ROWS, 1, 2)
                .selectExpr("id", "array(1f, 2f) as fused")
                .write()
                .parquet(elsewhere.resolve("spark").toString());
    }

    @ParameterizedTest
    @EnumSource
    void theFilesOfTheManifestAreTheTableAndNothingElseStays(Before before) throws IOException {
        place(before);
        Manifest published = publish(new Configuration(), before);
        assertPublished(published);
        assertThat(table(new Configuration(), false).begin("new", kept -> false))
                .isEmpty();
        assertThat(names(directory)).containsExactly("out");
    }

    @Test
    void whatLinksInTheTableLeadToStays() throws IOException {
        place(Before.BRAIDS_TABLE);
        Files.createDirectories(directory.resolve("elsewhere"));
        Files.writeString(directory.resolve("elsewhere/mine.parquet"), "mine");
        for (String link : List.of("p=9", "_quarantine")) {
            Files.createSymbolicLink(directory.resolve("out").resolve(link), directory.resolve("elsewhere"));
        }
        publish(new Configuration(), Before.BRAIDS_TABLE);
        assertThat(directory.resolve("elsewhere/mine.parquet")).hasContent("mine");
    }

    @Tag("slow")
    @ParameterizedTest
    @EnumSource
    void aDriverKilledAtAnyStepLeavesTheOldTableOrTheNewOneAndTheNextRunFinishes(Before before) throws IOException {
        int kills = 0;
        int unfinished = 0;
        for (boolean done = false; !done; kills++) {
            place(before);
            Set<String> old = before == Before.NOTHING ? Set.of() : files("out");
            String description = before + " after " + kills + " changes";
            InPlaceTest.Mortal.changesLeft = kills;
            try {
                publish(InPlaceTest.mortal(), before);
                done = InPlaceTest.Mortal.changesLeft > 0;
            } catch (IOException | RuntimeException killed) {
                assertThat(killed).as(description).hasStackTraceContaining("killed");
            }
            InPlaceTest.Mortal.changesLeft = Integer.MAX_VALUE;
            Optional<Manifest> there = manifest();
            boolean isNew =
                    there.map(manifest -> manifest.identity().equals("new")).orElse(false);
            assertThat(there.isPresent()).as(description).isEqualTo(isNew || before == Before.BRAIDS_TABLE);
            if (Files.exists(directory.resolve("out"))) {
                assertThat(files("out"))
                        .as(description)
                        .containsAll(isNew ? there.get().paths() : old);
            }
            Files.deleteIfExists(directory.resolve(".out.owner")); // a process that is gone owns nothing
            boolean finished = Files.exists(directory.resolve(".out.run/_manifest.json"));
            unfinished += finished ? 1 : 0;
            FusedTable table = table(new Configuration(), before != Before.NOTHING && !finished && !isNew);
            Optional<RunDirectory> next = table.begin("new", published -> false);
            assertThat(next.isEmpty()).as(description).isEqualTo(finished || isNew);
            if (next.isPresent()) {
                try (RunDirectory run = next.get()) {
                    table.write(run, files(run, "new"), written -> ROWS, () -> {});
                }
            }
            assertPublished(manifest().orElseThrow());
            FileUtil.fullyDelete(directory.resolve("out").toFile());
        }
        assertThat(kills).isGreaterThan(12);
        assertThat(unfinished).isGreaterThan(6);
    }

    @Test
    void aTableThatAppearsWhileARunIsStoppedIsNotMixedWithIt() throws IOException {
        InPlaceTest.Mortal.changesLeft = 0;
        for (int changes = 1; !Files.exists(directory.resolve(".out.run/_manifest.json")); changes++) {
            FileUtil.fullyDelete(directory.resolve(".out.run").toFile());
            Files.deleteIfExists(directory.resolve(".out.owner"));
            InPlaceTest.Mortal.changesLeft = changes;
            assertThatThrownBy(() -> publish(InPlaceTest.mortal(), Before.NOTHING))
                    .hasStackTraceContaining("killed");
        }
        InPlaceTest.Mortal.changesLeft = Integer.MAX_VALUE;
        Files.deleteIfExists(directory.resolve(".out.owner"));
        place(Before.SPARKS_TABLE);
        Set<String> there = files("out");
        assertThatThrownBy(() -> table(new Configuration(), false).begin("new", published -> false))
                .isInstanceOf(OutputExistsException.class);
        assertThat(files("out")).isEqualTo(there);
        assertThat(names(directory)).containsExactly("out");
    }

    @Test
    void onlyATableIsReplaced() throws IOException {
        Files.createDirectories(directory.resolve("out"));
        Files.writeString(directory.resolve("out/thesis.tex"), "");
        assertThatThrownBy(() -> publish(new Configuration(), Before.SPARKS_TABLE))
                .isInstanceOf(OutputExistsException.class)
                .hasMessageContaining("got one with 'thesis.tex'");
        place(Before.SPARKS_TABLE);
        assertThatThrownBy(() -> publish(new Configuration(), Before.NOTHING))
                .isInstanceOf(OutputExistsException.class)
                .hasMessageContaining("pass --overwrite");
    }

    @Test
    void aRenameIsRefusedInAnObjectStore() {
        Configuration hadoop = new Configuration();
        BucketFileSystem.register(hadoop);
        assertThatThrownBy(() -> FusedTable.at(
                        "gs://bucket" + directory + "/out",
                        false,
                        Optional.of(Publication.RENAME),
                        Tables.places(List.of(), hadoop),
                        hadoop))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot publish 'gs://bucket" + directory
                        + "/out' by a rename: expected a file system that renames a directory at once, got an object"
                        + " store, which copies its files one by one; pass '--publish manifest'");
    }

    @Test
    void aStoreIsKnownByItsNameOrByEtagsThatARenameChanges() throws IOException {
        org.apache.hadoop.fs.Path path = new org.apache.hadoop.fs.Path(directory.toUri());
        assertThat(Publication.isObjectStore(new BucketFileSystem(), path)).isTrue();
        assertThat(Publication.isObjectStore(with(Set.of()), path)).isFalse();
        Set<String> flat = Set.of(CommonPathCapabilities.ETAGS_AVAILABLE);
        assertThat(Publication.isObjectStore(with(flat), path)).isTrue();
        Set<String> hierarchical =
                Set.of(CommonPathCapabilities.ETAGS_AVAILABLE, CommonPathCapabilities.ETAGS_PRESERVED_IN_RENAME);
        assertThat(Publication.isObjectStore(with(hierarchical), path)).isFalse();
    }

    private static FileSystem with(Set<String> capabilities) {
        return new RawLocalFileSystem() {
            @Override
            public boolean hasPathCapability(org.apache.hadoop.fs.Path path, String capability) {
                return capabilities.contains(capability);
            }
        };
    }

    @Test
    void ofRunsThatBeginTogetherInAStoreWithoutConditionalWritesOneWins() throws Exception {
        Configuration hadoop = new Configuration();
        BucketFileSystem.register(hadoop);
        org.apache.hadoop.fs.Path file = new org.apache.hadoop.fs.Path("gs://bucket" + directory + "/.out.owner");
        FileSystem files = file.getFileSystem(hadoop);
        for (int round = 0; round < 3; round++) {
            if (round == 2) { // of a run that was killed
                Owner.Claim own = Owner.Claim.own("killed");
                Json.create(new Owner.Claim("killed", own.place(), own.process(), "long ago"), file, true, files);
            }
            List<Callable<Owner>> takers = new ArrayList<>();
            for (int taker = 0; taker < 8; taker++) {
                String run = "run-" + taker;
                takers.add(() -> Owner.take(file, files, run, new org.apache.hadoop.fs.Path("out"), 500));
            }
            List<Owner> owners = new ArrayList<>();
            ExecutorService threads = Executors.newFixedThreadPool(takers.size());
            for (Future<Owner> taken : threads.invokeAll(takers)) {
                try {
                    owners.add(taken.get());
                } catch (java.util.concurrent.ExecutionException told) {
                    assertThat(told).hasRootCauseInstanceOf(OutputExistsException.class);
                }
            }
            threads.shutdown();
            assertThat(owners).hasSize(1);
            owners.get(0).close();
            assertThat(names(directory)).isEmpty();
        }
    }

    @Test
    void aRunThatAnotherHasTakenOverPublishesNothingAndTouchesNothing() throws IOException {
        FusedTable table = table(new Configuration(), false);
        try (RunDirectory run = table.begin("new", published -> false).orElseThrow()) {
            Files.delete(directory.resolve("..out.owner.crc"));
            Files.writeString(
                    directory.resolve(".out.owner"),
                    Files.readString(directory.resolve(".out.owner")).replace(run.id(), "another"));
            assertThatThrownBy(() -> table.write(run, files(run, "new"), written -> ROWS, () -> {}))
                    .isInstanceOf(OutputExistsException.class)
                    .hasMessageContaining("expected this run alone to write it, got another");
        }
        assertThat(names(directory)).containsExactly(".out.owner", ".out.run");
        assertThat(files(".out.run")).contains("_plan.json").hasSize(4);
    }

    @Test
    void soDoesOneWhoseSuccessorHasEnded() throws IOException {
        FusedTable table = table(new Configuration(), false);
        try (RunDirectory run = table.begin("new", published -> false).orElseThrow()) {
            Files.delete(directory.resolve(".out.owner"));
            assertThatThrownBy(() -> table.write(run, files(run, "new"), written -> ROWS, () -> {}))
                    .isInstanceOf(OutputExistsException.class)
                    .hasMessageContaining("expected this run alone to write it, got another");
        }
        assertThat(directory.resolve("out")).doesNotExist();
    }

    private void place(Before before) throws IOException {
        FileUtil.fullyDelete(directory.resolve("out").toFile());
        if (before == Before.BRAIDS_TABLE) {
            FusedTable table = Tables.output(directory + "/out", false, List.of(), new Configuration());
            try (RunDirectory run = table.begin("old", published -> false).orElseThrow()) {
                table.write(run, files(run, "old"), written -> ROWS, () -> {});
            }
        } else if (before == Before.SPARKS_TABLE) {
            Files.createDirectories(directory.resolve("out"));
            for (Path part : parts()) {
                Files.copy(part, directory.resolve("out").resolve(part.getFileName()));
            }
            Files.createFile(directory.resolve("out/_SUCCESS"));
        }
    }

    private Manifest publish(Configuration hadoop, Before before) throws IOException {
        FusedTable table = table(hadoop, before != Before.NOTHING);
        try (RunDirectory run = table.begin("new", published -> false).orElseThrow()) {
            return table.write(run, files(run, "new"), written -> ROWS, () -> {});
        }
    }

    private FusedTable table(Configuration hadoop, boolean overwrite) {
        return FusedTable.at(directory + "/out", overwrite, BY_MANIFEST, Tables.places(List.of(), hadoop), hadoop);
    }

    /** Two files, in a partition each, and in the run's directory a third one, of an attempt that lost. */
    private FusedTable.Writing files(RunDirectory run, String identity) {
        return to -> {
            Path staged = Path.of(to.replaceFirst("^file:", ""));
            List<Shard> shards = new ArrayList<>();
            for (Path part : parts()) {
                String name = "p=" + shards.size() + "/part-" + shards.size() + "-" + run.id() + ".parquet";
                Files.createDirectories(staged.resolve(name).getParent());
                Files.copy(part, staged.resolve(name), StandardCopyOption.REPLACE_EXISTING);
                shards.add(new Shard("plan", List.of(shards.size()), name, ROWS / 2, 0, 0, null, "0", null, Map.of()));
            }
            if (identity.equals("new")) {
                Path lost = staged.resolve("part-0-" + run.id() + "-lost.parquet");
                Files.copy(parts().get(0), lost, StandardCopyOption.REPLACE_EXISTING);
            }
            return Written.manifest(run.id(), identity, ROWS, shards);
        };
    }

    private List<Path> parts() throws IOException {
        try (var files = Files.list(elsewhere.resolve("spark"))) {
            return files.filter(file -> file.getFileName().toString().startsWith("part-"))
                    .sorted()
                    .toList();
        }
    }

    private void assertPublished(Manifest manifest) throws IOException {
        assertThat(manifest.identity()).isEqualTo("new");
        assertThat(manifest()).contains(manifest);
        Set<String> expected = new TreeSet<>(manifest.paths());
        expected.addAll(Set.of("_SUCCESS", "_manifest.json"));
        assertThat(files("out")).isEqualTo(expected).hasSize(4);
        assertThat(names(directory)).containsExactly("out");
    }

    private Optional<Manifest> manifest() throws IOException {
        return Manifest.of(
                new org.apache.hadoop.fs.Path("file://" + directory + "/out"),
                FileSystem.getLocal(new Configuration()));
    }

    /** All files below a directory but for checksums. */
    private Set<String> files(String name) throws IOException {
        Path top = directory.resolve(name);
        try (var files = Files.walk(top)) {
            return files.filter(Files::isRegularFile)
                    .map(file -> top.relativize(file).toString())
                    .filter(file -> !file.endsWith(".crc"))
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }

    private static Set<String> names(Path directory) throws IOException {
        try (var files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> !name.endsWith(".crc"))
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }
}
