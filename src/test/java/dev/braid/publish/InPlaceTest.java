package dev.braid.publish;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.failure.TransientException;
import dev.braid.spark.SharedSpark;
import dev.braid.spark.Tables;
import dev.braid.storage.JvmLocalFileSystem;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FileUtil;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.util.Progressable;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** A table whose files are exchanged where it is, and a driver that dies at every step of that. */
@ExtendWith(SharedSpark.class)
class InPlaceTest {
    private static final List<Long> OLD = ids(0, 6);
    private static final List<Long> NEW = ids(3, 9);

    private final SparkSession spark;

    @TempDir
    private Path directory;

    @TempDir
    private Path elsewhere;

    private final Map<Integer, Path> parts = new TreeMap<>();

    InPlaceTest(SparkSession spark) {
        this.spark = spark;
    }

    /** Files of three rows, by the first of them. */
    @BeforeEach
    void write() throws IOException {
        for (int first = 0; first < 9; first += 3) {
            Path written = directory.resolve("written");
            rows(first, first + 3).coalesce(1).write().parquet(written.toString());
            Path part = elsewhere.resolve(first + ".parquet");
            try (Stream<Path> names = Files.list(written)) {
                Files.move(
                        names.filter(name -> name.getFileName().toString().startsWith("part-"))
                                .findFirst()
                                .orElseThrow(),
                        part);
            }
            FileUtil.fullyDelete(written.toFile());
            parts.put(first, part);
        }
    }

    @Test
    void filesAreExchangedUnderANewManifestAndNothingElseStays() throws IOException {
        Manifest old = publishOld();
        Manifest published = exchange(new Configuration());

        assertThat(ofManifest()).isEqualTo(NEW);
        assertThat(inDirectory()).isEqualTo(NEW);
        assertThat(names(directory)).containsExactly("out");
        assertThat(Manifest.of(path("out"), FileSystem.getLocal(new Configuration())))
                .contains(published);
        assertThat(names(directory.resolve("out/_quarantine")))
                .containsExactly("bad-" + published.run() + ".parquet", "keys-0-" + published.run() + ".c.parquet");
        assertThat(published.paths()).containsAnyElementsOf(old.paths());
        assertThat(names(directory.resolve("out"))).contains("_SUCCESS");
    }

    @Tag("slow")
    @Test
    void aDriverKilledAtAnyStepLeavesTheOldTableOrTheNewOneAndTheNextRunFinishes() throws IOException {
        int kills = 0;
        int unfinished = 0;
        for (boolean done = false; !done; kills++) {
            publishOld();
            Mortal.changesLeft = kills;
            try {
                exchange(mortal());
                done = Mortal.changesLeft > 0;
            } catch (IOException | RuntimeException killed) {
                assertThat(killed).as("after " + kills + " changes").hasStackTraceContaining("killed");
            }
            Mortal.changesLeft = Integer.MAX_VALUE;
            assertThat(ofManifest()).as("after " + kills + " changes").isIn(OLD, NEW);
            Files.deleteIfExists(directory.resolve(".out.owner")); // a process that is gone owns nothing
            boolean finished = Files.exists(directory.resolve(".out.run/_manifest.json"));
            unfinished += finished ? 1 : 0;
            try (RunDirectory run = table(new Configuration()).begin(into("c")).orElseThrow()) {
                assertThat(run.base().orElseThrow().identity()).isIn("a", "b");
                List<Long> expected = finished || done || ofManifest().equals(NEW) ? NEW : OLD;
                assertThat(ofManifest()).as("after " + kills + " changes").isEqualTo(expected);
                assertThat(inDirectory()).as("after " + kills + " changes").isEqualTo(expected);
            }
            assertThat(names(directory)).as("after " + kills + " changes").containsExactly("out");
            FileUtil.fullyDelete(directory.resolve("out").toFile());
        }
        assertThat(kills).isGreaterThan(15);
        assertThat(unfinished).isGreaterThan(10);
    }

    @Test
    void nothingGoesIntoATableThatHasBecomeAnother() throws IOException {
        publishOld();
        FusedTable table = table(new Configuration());
        try (RunDirectory run = table.begin(into("b")).orElseThrow()) {
            Manifest base = run.base().orElseThrow();
            Path manifest = directory.resolve("out/_manifest.json");
            Files.delete(directory.resolve("out/._manifest.json.crc"));
            Files.writeString(
                    manifest, Files.readString(manifest).replace("\"run\" : \"" + base.run(), "\"run\" : \"another"));
            assertThatThrownBy(() -> table.write(run, files(run, base), written -> NEW.size() + 2, () -> {}))
                    .isInstanceOf(OutputExistsException.class)
                    .hasMessageEndingWith(
                            "': expected the table as it was when the run began, got another; run it again");
        }
        assertThat(ofManifest()).isEqualTo(OLD);
        assertThat(inDirectory()).isEqualTo(OLD);
        table(new Configuration()).begin(into("b")).orElseThrow().close();
        assertThat(names(directory)).containsExactly("out");
    }

    @Test
    void aTableThatIsNotThereYetIsPublishedLikeAnyOther() throws IOException {
        FusedTable table = table(new Configuration());
        try (RunDirectory run = table.begin(into("a")).orElseThrow()) {
            assertThat(run.base()).isEmpty();
            table.write(run, Written.files(run, "a", rows(0, 3)), written -> 3, () -> {});
        }
        assertThat(names(directory)).containsExactly("out");
        assertThat(table(new Configuration()).begin(into("a"))).isEmpty();
        Files.delete(directory.resolve("out/_manifest.json"));
        assertThatThrownBy(() -> table.begin(into("a"))).isInstanceOf(OutputExistsException.class);
    }

    @Test
    void aCountThatIsNotTheTablesIsNotPublished() throws IOException {
        publishOld();
        FusedTable table = table(new Configuration());
        try (RunDirectory run = table.begin(into("b")).orElseThrow()) {
            Manifest base = run.base().orElseThrow();
            assertThatThrownBy(() -> table.write(run, files(run, base), written -> NEW.size() + 3, () -> {}))
                    .isInstanceOf(TransientException.class)
                    .hasMessageContaining("expected 9 rows (keys of the input), got 8; did the input change");
        }
        assertThat(ofManifest()).isEqualTo(OLD);
        assertThat(names(directory)).containsExactly("out");
    }

    /** Two files and a quarantine. */
    private Manifest publishOld() throws IOException {
        FusedTable table = table(new Configuration());
        try (RunDirectory run = table.begin("a", published -> false).orElseThrow()) {
            return table.write(run, files(run, null), written -> OLD.size() + 2, () -> {});
        }
    }

    /** The second file stays, another comes, the first one and the quarantine go. */
    private Manifest exchange(Configuration hadoop) throws IOException {
        FusedTable table = table(hadoop);
        try (RunDirectory run = table.begin(into("b")).orElseThrow()) {
            return table.write(run, files(run, run.base().orElseThrow()), written -> NEW.size() + 2, () -> {});
        }
    }

    private FusedTable.Writing files(RunDirectory run, Manifest base) {
        return to -> {
            Path staged = Path.of(to.replaceFirst("^file:", ""));
            List<Shard> shards = new ArrayList<>();
            if (base == null) {
                shards.add(file(staged, "part-0-" + run.id() + ".parquet", 0));
                shards.add(file(staged, "part-1-" + run.id() + ".parquet", 3));
            } else {
                shards.add(base.files().get(1));
                shards.add(file(staged, "part-0-" + run.id() + ".parquet", 6));
            }
            Path aside = Files.createDirectories(staged.resolve("_quarantine"));
            String keys = "keys-0-" + run.id() + ".c.parquet";
            Files.writeString(aside.resolve(keys), "one row");
            shards.add(new Shard(Shard.KEYS, List.of(), null, 0, 0, 0, null, "0", keys, Map.of("duplicate_key", 1L)));
            String bad = "bad-" + run.id() + ".parquet";
            Files.writeString(aside.resolve(bad), "one row");
            shards.add(new Shard("plan", List.of(2), null, 0, 0, 0, null, "0", bad, Map.of("null_sequence", 1L)));
            return Written.manifest(run.id(), base == null ? "a" : "b", shards);
        };
    }

    /** A file of three rows. */
    private Shard file(Path staged, String name, int first) throws IOException {
        Files.copy(parts.get(first), staged.resolve(name));
        return new Shard("plan", List.of(first), name, 3, 0, 0, null, "0", null, Map.of());
    }

    private Dataset<Row> rows(int first, int end) {
        return spark.range(first, end).selectExpr("id", "array(1f, 2f) as fused");
    }

    private static TableChange into(String identity) {
        return new TableChange() {
            @Override
            public String identity(Optional<Manifest> published) {
                return identity;
            }

            @Override
            public boolean isDone(Manifest published) {
                return published.identity().equals(identity);
            }
        };
    }

    private FusedTable table(Configuration hadoop) {
        return Tables.output(directory + "/out", false, List.of(), hadoop);
    }

    /** What a reader of the manifest sees. */
    private List<Long> ofManifest() throws IOException {
        Manifest manifest = Manifest.of(path("out"), FileSystem.getLocal(new Configuration()))
                .orElseThrow();
        return read(manifest.files().stream()
                .filter(shard -> shard.file() != null)
                .map(shard -> directory.resolve("out").resolve(shard.file()).toString()));
    }

    /** What a reader of the whole directory sees. */
    private List<Long> inDirectory() throws IOException {
        return read(names(directory.resolve("out")).stream()
                .filter(name -> name.startsWith("part-"))
                .map(name -> directory.resolve("out").resolve(name).toString()));
    }

    /** The rows of files, each a copy of a part. */
    private List<Long> read(Stream<String> files) throws IOException {
        List<Long> found = new ArrayList<>();
        for (String file : files.sorted().toList()) {
            for (Map.Entry<Integer, Path> part : parts.entrySet()) {
                if (Files.mismatch(part.getValue(), Path.of(file)) < 0) {
                    found.addAll(ids(part.getKey(), part.getKey() + 3));
                }
            }
        }
        return found.stream().sorted().toList();
    }

    private org.apache.hadoop.fs.Path path(String name) {
        return new org.apache.hadoop.fs.Path("file://" + directory + "/" + name);
    }

    private static List<Long> ids(int first, int end) {
        return LongStream.range(first, end).boxed().toList();
    }

    private static Set<String> names(Path directory) throws IOException {
        try (var files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> !name.endsWith(".crc"))
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }

    static Configuration mortal() {
        Configuration hadoop = new Configuration();
        hadoop.set("fs.file.impl", Mortal.class.getName());
        hadoop.set("fs.file.impl.disable.cache", "true");
        return hadoop;
    }

    /** Makes so many changes, and none after these. */
    public static class Mortal extends JvmLocalFileSystem {
        static volatile int changesLeft = Integer.MAX_VALUE;

        private static synchronized void change() throws IOException {
            if (changesLeft-- <= 0) {
                changesLeft = 0;
                throw new IOException("killed");
            }
        }

        @Override
        public FSDataOutputStream create(
                org.apache.hadoop.fs.Path file,
                FsPermission mode,
                boolean overwrite,
                int buffer,
                short copies,
                long block,
                Progressable progress)
                throws IOException {
            change();
            return super.create(file, mode, overwrite, buffer, copies, block, progress);
        }

        @Override
        public boolean mkdirs(org.apache.hadoop.fs.Path path) throws IOException {
            change();
            return super.mkdirs(path);
        }

        @Override
        public boolean rename(org.apache.hadoop.fs.Path from, org.apache.hadoop.fs.Path to) throws IOException {
            change();
            return super.rename(from, to);
        }

        @Override
        public boolean delete(org.apache.hadoop.fs.Path path, boolean recursive) throws IOException {
            if (!exists(path)) {
                return false;
            }
            change();
            if (getFileStatus(path).isDirectory() && listStatus(path).length > 0 && changesLeft == 0) {
                super.delete(listStatus(path)[0].getPath(), true); // as far as it came
                throw new IOException("killed");
            }
            return super.delete(path, recursive);
        }
    }
}
