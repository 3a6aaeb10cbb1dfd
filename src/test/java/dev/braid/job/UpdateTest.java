package dev.braid.job;

import static dev.braid.job.GrowingInput.report;
import static dev.braid.job.GrowingInput.rows;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.braid.job.GrowingInput.Given;
import dev.braid.job.GrowingInput.Outcome;
import dev.braid.spark.SharedSpark;
import dev.braid.storage.JvmLocalFileSystem;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tables that grow, row by row next to a table that is written anew from the same input. */
@ExtendWith(SharedSpark.class)
class UpdateTest {
    private static final String UPDATE = "--update";

    private final SparkSession spark;

    @TempDir
    private Path directory;

    private GrowingInput input;

    UpdateTest(SparkSession spark) {
        this.spark = spark;
    }

    @BeforeEach
    void begin() {
        input = new GrowingInput(spark, directory);
    }

    @ParameterizedTest
    @CsvSource({"false,bigint,3", "true,string,"})
    void newRowsJoinTheOthersAndTheTableIsThatOfAFullRun(boolean join, String key, String partitions)
            throws IOException {
        input.joined = join;
        input.keyType = key;
        String[] more =
                partitions == null ? new String[] {UPDATE} : new String[] {UPDATE, "--partitions=" + partitions};
        input.add(rows(0, 20, 1));
        assertThat(report(input.fuse("out", more))).contains("rows         20\n");

        input.add(rows(20, 26, 1));
        input.add(rows(26, 30, 1));
        assertThat(report(input.fuse("out", more))).contains("rows         10 new, 20 kept\n");
        input.assertAsWrittenAnew("out");
        assertThat(report(input.fuse("out", more)))
                .isEqualTo("Nothing to do: 'file:" + directory.toRealPath()
                        + "/out' is what this input, model and options give; --overwrite writes it anew\n");

        Path again = directory.resolve("visual/again.parquet");
        try (Stream<Path> files = Files.list(directory.resolve("visual"))) {
            Files.move(
                    files.filter(file -> file.getFileName().toString().startsWith("part-"))
                            .findFirst()
                            .orElseThrow(),
                    again);
        }
        assertThat(report(input.fuse("out", more)))
                .isEqualTo("Nothing to do: 'file:" + directory.toRealPath() + "/out' has every key of this input\n");
        Files.delete(again);
        assertThat(input.fuse("out", more).code()).isEqualTo(input.joined ? ExitCode.INPUT : ExitCode.DONE);
        assertThat(input.fuse("out").error()).contains("expected a path that does not exist");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void featuresOfRowsThatAreThereAreNotRead(boolean join) throws IOException {
        input.joined = join;
        input.add(rows(0, 20, 1));
        input.fuse("out");
        try (Stream<Path> files = Files.list(directory.resolve("visual"))) {
            damageFeatures(files.filter(file -> file.getFileName().toString().startsWith("part-"))
                    .findFirst()
                    .orElseThrow());
        }
        assertThat(input.fuse("anew").code()).isEqualTo(ExitCode.INPUT);
        input.add(rows(20, 22, 1));
        assertThat(report(input.fuse("out", UPDATE))).contains("rows         2 new, 20 kept\n");
        assertThat(input.fuse("out", "--update", "--prune").out()).startsWith("Nothing to do");
    }

    @Tag("slow")
    @ParameterizedTest
    @CsvSource({"false,string,float16", "true,bigint,int8"})
    void changedRowsAreReplacedAndThoseThatLeftAreCountedOrRemoved(boolean join, String key, String vectors)
            throws IOException {
        input.joined = join;
        input.keyType = key;
        String form = "--vectors=" + vectors;
        String emit = "--emit=pooled,tokens,attention,attention-by-layer";
        String[] update = {UPDATE, "--changed-by=version", "--output-files=4", form, emit};
        input.add(rows(0, 10, 1));
        input.add(rows(10, 20, 1));
        input.add(List.of(new Given(20, null), new Given(21, null), new Given(22, 7)));
        assertThat(report(input.fuse("out", update))).contains("rows         23\n");
        JsonNode before = input.manifest("out");

        input.clear();
        List<Given> now = new ArrayList<>(rows(2, 18, 1));
        now.set(3, new Given(5, 2));
        now.add(new Given(20, null));
        now.add(new Given(21, 9));
        now.add(new Given(22, null));
        now.add(new Given(30, 1));
        input.add(now);
        assertThat(report(input.fuse("out", update)))
                .contains(
                        "rows         1 new, 20 kept, 3 changed\n",
                        "left         4 rows of the table are not in the input any more, --prune removes them\n");
        assertThat(report(input.audit("out"))).contains("rows         24\n");
        assertThat(input.manifest("out").at("/update/left").asInt()).isEqualTo(4);
        assertThat(report(input.fuse("out", update))).startsWith("Nothing to do");

        String[] prune = {UPDATE, "--changed-by=version", "--prune", form, emit};
        assertThat(report(input.fuse("out", prune))).contains("rows         0 new, 20 kept, 4 removed\n");
        input.assertAsWrittenAnew("out", "--keep=version", form, emit);
        assertThat(input.manifest("out").at("/tokens"))
                .isEqualTo(input.manifest("anew").at("/tokens"));
        Row lengths = spark.read()
                .parquet(directory.resolve("anew").toString())
                .selectExpr("fused_lengths.visual + fused_lengths.text as tokens")
                .selectExpr("min(tokens) as shortest", "max(tokens) as longest")
                .first();
        for (String name : List.of("out", "anew")) {
            assertThat(input.manifest(name).at("/lengths")).hasToString(lengths.json());
        }
        assertThat(report(input.fuse("out", prune))).startsWith("Nothing to do");
        assertThat(input.manifest("out").at("/files").size()).isGreaterThan(1);
        assertThat(before.at("/update").isMissingNode()).isTrue();
    }

    @Tag("slow")
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void keysThatHaveBecomeBadEndTheRunOrLeaveTheTable(boolean join) throws IOException {
        input.joined = join;
        String aside = "--on-bad-row=quarantine";
        input.add(rows(0, 10, 1));
        input.add(List.of(new Given(10, 1), new Given(10, 1), new Given(11, 1)));
        assertThat(input.fuse("out", UPDATE).error()).contains("expected every key once, got 1 key more than once");
        assertThat(report(input.fuse("out", UPDATE, aside)))
                .contains("rows         11\n", "quarantined  2 rows (duplicate_key 2)\n");

        input.add(List.of(new Given(3, 1), new Given(12, 1)));
        assertThat(report(input.fuse("out", UPDATE, aside)))
                .contains("rows         1 new, 10 kept, 1 removed\n", "quarantined  4 rows (duplicate_key 4)\n");
        input.assertAsWrittenAnew("out", aside);

        input.clear();
        input.add(rows(0, 13, 1));
        assertThat(report(input.fuse("out", UPDATE, aside)))
                .contains("rows         2 new, 11 kept\n")
                .doesNotContain("quarantined");
        input.assertAsWrittenAnew("out", aside);
        assertThat(directory.resolve("out/_quarantine")).doesNotExist();
    }

    @Test
    void rowsWithoutAKeyAreSetAsideAnew() throws IOException {
        String aside = "--on-bad-row=quarantine";
        input.add(rows(0, 4, 1));
        input.add(List.of(new Given(null, 1), new Given(4, 1)));
        assertThat(report(input.fuse("out", UPDATE, aside)))
                .contains("rows         5\n", "quarantined  1 row (null_key 1)\n");
        input.add(rows(5, 6, 1));
        assertThat(report(input.fuse("out", UPDATE, aside)))
                .contains("rows         1 new, 5 kept\n", "quarantined  1 row (null_key 1)\n");
        input.assertAsWrittenAnew("out", aside);
    }

    @Test
    void aTableOfAnotherModelOrOtherOptionsIsRefusedWithAllThatDiffers() throws IOException {
        input.add(rows(0, 4, 1));
        input.fuse("out");
        Outcome other = input.fuse("out", UPDATE, "--vectors=float16", "--changed-by=version", "--pooling=max");
        assertThat(other.code()).isEqualTo(ExitCode.INPUT);
        assertThat(other.error())
                .startsWith("Cannot update 'file:" + directory.toRealPath()
                        + "/out' with another model or other options than it was made with; pass those of its"
                        + " _manifest.json, or '--overwrite' instead of '--update':\n")
                .endsWith("""
                          option 'keep': expected none, got 'version'
                          option 'pooling': expected 'mean', got 'max'
                          option 'vectors': expected 'array', got 'float16'
                        """);
        assertThat(input.fuse("out", UPDATE, "--overwrite").error())
                .isEqualTo(
                        "Cannot fuse: expected one of '--update' (adds to the table) and '--overwrite' (writes it anew), got"
                                + " both\n");
        assertThat(input.fuse("out", "--prune"))
                .isEqualTo(
                        new Outcome(ExitCode.USAGE, "", "Cannot fuse: expected '--update' with '--prune', got none\n"));
        input.keyType = "int";
        input.clear();
        input.add(rows(0, 5, 1));
        assertThat(input.fuse("out", UPDATE).error())
                .contains("column 'id': expected string (the published table), got int");
        Files.delete(directory.resolve("out/_manifest.json"));
        assertThat(input.fuse("out", UPDATE).code()).isEqualTo(ExitCode.USAGE);
    }

    @Tag("slow")
    @Test
    void aFileThatIsNotWhatItsManifestSaysIsNotCopied() throws IOException {
        input.add(rows(0, 6, 1));
        input.fuse("out", "--keep=version");
        Path manifest = directory.resolve("out/_manifest.json");
        String fingerprint = input.manifest("out").at("/files/0/fingerprint").asText();
        Files.deleteIfExists(directory.resolve("out/._manifest.json.crc"));
        Files.writeString(manifest, Files.readString(manifest).replace(fingerprint, "0123456789abcdef"));
        input.clear();
        input.add(rows(0, 6, 2));
        Outcome outcome = input.fuse("out", UPDATE, "--changed-by=version");
        assertThat(outcome.code()).isEqualTo(ExitCode.INPUT);
        assertThat(outcome.error()).contains(" rows of fingerprint 0123456789abcdef (_manifest.json), got ");
        assertThat(input.names()).containsExactlyInAnyOrder("out", "visual", "text");
    }

    @Tag("slow")
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void anUpdateThatWasStoppedGoesOnFromTheTasksThatHadFinished(boolean parted) throws IOException {
        Configuration hadoop = spark.sparkContext().hadoopConfiguration();
        String keep = parted ? "--partition-by=dt" : "--keep=dt";
        String[] update = {UPDATE, "--changed-by=version", keep, "--output-files=100"};
        input.add(rows(0, 6, 1));
        report(input.fuse("out", update));
        input.clear();
        List<Given> changed = new ArrayList<>(rows(0, 6, 1));
        changed.set(2, new Given(2, 2));
        input.add(changed);
        for (int night = 0; night < 3; night++) {
            input.add(rows(6 + 4 * night, 10 + 4 * night, 1));
        }

        hadoop.setClass("fs.file.impl", FailingFileSystem.class, FileSystem.class);
        hadoop.setBoolean("fs.file.impl.disable.cache", true);
        FailingFileSystem.records = 2;
        Outcome stopped = input.fuse("out", update);
        hadoop.unset("fs.file.impl");
        hadoop.unset("fs.file.impl.disable.cache");
        assertThat(stopped.code()).as(stopped.error()).isEqualTo(ExitCode.FAILED);
        Map<String, Object> finished = finished();
        assertThat(finished).hasSizeGreaterThanOrEqualTo(2);
        assertThat(report(input.fuse("out", update)))
                .contains("rows         12 new, 5 kept, 1 changed\n", " were finished before\n");
        for (Map.Entry<String, Object> file : finished.entrySet()) {
            assertThat(stamp(directory.resolve("out").resolve(file.getKey()))).isEqualTo(file.getValue());
        }
        input.assertAsWrittenAnew(
                "out", parted ? "--keep=version" : "--keep=dt,version", parted ? keep : "--on-bad-row=fail");
    }

    /** The files that tasks of a stopped run have finished, each with its stamp. */
    private Map<String, Object> finished() throws IOException {
        Map<String, Object> found = new HashMap<>();
        try (Stream<Path> records = Files.list(directory.resolve(".out.run/_shards"))) {
            for (Path record : records.filter(name -> name.toString().endsWith(".json"))
                    .filter(name -> !name.getFileName().toString().startsWith("."))
                    .toList()) {
                for (JsonNode shard : new ObjectMapper().readTree(record.toFile())) {
                    if (shard.at("/rows").asLong() > 0) {
                        String file = shard.at("/file").asText();
                        found.put(file, stamp(directory.resolve(".out.run").resolve(file)));
                    }
                }
            }
        }
        return found;
    }

    /** What another file would not have. */
    private static Object stamp(Path file) throws IOException {
        return List.of(Files.getAttribute(file, "unix:ino"), Files.getLastModifiedTime(file));
    }

    /** The local files, where only so many tasks can record the files that they wrote. */
    public static final class FailingFileSystem extends JvmLocalFileSystem {
        private static volatile int records;

        @Override
        public boolean rename(org.apache.hadoop.fs.Path from, org.apache.hadoop.fs.Path to) throws IOException {
            synchronized (FailingFileSystem.class) {
                boolean isRecord = to.getParent().getName().equals("_shards")
                        && !Files.readString(pathToFile(from).toPath()).contains("\"rows\" : 0,");
                if (isRecord && records-- <= 0) {
                    throw new IOException("the disk is gone");
                }
                return super.rename(from, to);
            }
        }
    }

    /** Flips a bit in the pages of the column 'visual'. */
    private static void damageFeatures(Path file) throws IOException {
        long place;
        try (ParquetFileReader reader = ParquetFileReader.open(
                HadoopInputFile.fromPath(new org.apache.hadoop.fs.Path(file.toString()), new Configuration()))) {
            place = reader.getFooter().getBlocks().get(0).getColumns().stream()
                    .filter(chunk -> chunk.getPath().toDotString().equals("visual"))
                    .mapToLong(chunk -> chunk.getStartingPos() + chunk.getTotalSize() / 2)
                    .findFirst()
                    .orElseThrow();
        }
        try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
            bytes.seek(place);
            int old = bytes.read();
            bytes.seek(place);
            bytes.write(old ^ 1);
        }
        Files.deleteIfExists(file.resolveSibling("." + file.getFileName() + ".crc"));
    }
}
