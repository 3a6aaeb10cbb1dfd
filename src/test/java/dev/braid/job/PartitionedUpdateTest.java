package dev.braid.job;

import static dev.braid.job.GrowingInput.report;
import static dev.braid.job.GrowingInput.rows;
import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.job.GrowingInput.Given;
import dev.braid.job.GrowingInput.Outcome;
import dev.braid.spark.SharedSpark;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.hadoop.fs.FileUtil;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tables that grow in directories named by values. */
@ExtendWith(SharedSpark.class)
class PartitionedUpdateTest {
    private static final String UPDATE = "--update";
    private static final String BY = "--partition-by=dt";

    private final SparkSession spark;

    @TempDir
    private Path directory;

    private GrowingInput input;

    PartitionedUpdateTest(SparkSession spark) {
        this.spark = spark;
    }

    @BeforeEach
    void begin() {
        input = new GrowingInput(spark, directory);
    }

    @Tag("slow")
    @Test
    void newRowsGoToTheirPartitionsAndNoOtherFileChanges() throws IOException {
        input.add(rows(0, 14, 1));
        assertThat(report(input.fuse("out", UPDATE, BY))).contains("rows         14 in 2 partitions\n");
        Map<String, Object> before = files();

        input.add(rows(14, 20, 1));
        assertThat(report(input.fuse("out", UPDATE, BY))).contains("rows         6 new, 14 kept\n");
        Map<String, Object> after = files();
        assertThat(after).containsAllEntriesOf(before);
        after.keySet().removeAll(before.keySet());
        assertThat(after.keySet())
                .extracting(file -> file.substring(0, file.lastIndexOf('/')))
                .contains("dt=d1", "dt=d2")
                .doesNotContain("dt=d0");
        input.assertAsWrittenAnew("out", BY);
        assertThat(report(input.fuse("out", UPDATE, BY))).contains("is what this input, model and options give");

        input.clear();
        input.add(rows(1, 20, 1));
        assertThat(report(input.fuse("out", UPDATE, BY))).contains("has every key of this input; 1 row of the table");
    }

    @Test
    void anUpdateIsNotTakenForARunThatWroteThePartition() throws IOException {
        String keep = "--keep=version";
        input.add(rows(0, 8, 1));
        report(input.fuse("out", BY, keep));
        input.clear();
        input.add(List.of(new Given(1, 2), new Given(2, 1)));
        assertThat(report(input.fuse("out", UPDATE, BY, "--changed-by=version")))
                .contains("rows         0 new, 7 kept, 1 changed\n");
        // All files of the partition are of a run over this input, and have rows that it would not give.
        assertThat(input.fuse("out", BY, keep).error()).contains("expected partitions that do not exist, got 'dt=d0'");
        report(input.fuse("out", BY, keep, "--overwrite"));
        assertThat(input.manifest("out").at("/rows").asInt()).isEqualTo(2);
    }

    @Tag("slow")
    @Test
    void aRunThatLostAPartitionToAnUpdateIsNotTakenForDone() throws IOException {
        input.add(rows(0, 16, 1));
        report(input.fuse("out", BY));
        Path kept = Files.move(directory.resolve("visual"), directory.resolve("kept"));
        input.add(rows(0, 8, 1));
        assertThat(report(input.fuse("out", UPDATE, BY, "--prune"))).contains("8 removed");
        FileUtil.fullyDelete(directory.resolve("visual").toFile());
        Files.move(kept, directory.resolve("visual"));

        assertThat(input.fuse("out", BY).error()).contains("expected partitions that do not exist, got 'dt=d0'");
        report(input.fuse("out", BY, "--overwrite"));
        assertThat(input.manifest("out").at("/rows").asInt()).isEqualTo(16);
    }

    @Tag("slow")
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aTableWithoutRowsGrowsLikeAnyOther(boolean partitioned) throws IOException {
        String[] update = partitioned ? new String[] {UPDATE, "--prune", BY} : new String[] {UPDATE, "--prune"};
        String[] full = partitioned ? new String[] {BY} : new String[0];
        input.add(rows(0, 0, 1));
        report(input.fuse("out", update));
        input.add(rows(0, 12, 1));
        report(input.fuse("out", update));
        input.assertAsWrittenAnew("out", full);

        input.clear();
        input.add(rows(0, 0, 1));
        report(input.fuse("out", update));
        input.clear();
        input.add(rows(3, 9, 1));
        report(input.fuse("out", update));
        input.assertAsWrittenAnew("out", full);
    }

    @Tag("slow")
    @Test
    void aChangedRowMovesToItsNewPartitionAndRowsThatLeftGoFromTheirs() throws IOException {
        input.joined = true;
        String[] update = {UPDATE, BY, "--changed-by=version", "--output-files=1", "--emit=pooled,tokens"};
        String odd = "a/b=50% é:x";
        input.add(rows(0, 20, 1));
        input.add(
                List.of(new Given(20, 1, odd), new Given(21, 1, odd), new Given(22, 1, null), new Given(23, 1, null)));
        report(input.fuse("out", update));
        Map<String, Object> before = files();

        input.clear();
        List<Given> now = new ArrayList<>(rows(0, 8, 1)); // all of d0; d1 has one row less, d2 is gone
        now.addAll(rows(8, 15, 1));
        now.set(9, new Given(9, 2, odd));
        now.add(new Given(20, 2, null));
        now.add(new Given(21, 1, odd));
        now.add(new Given(22, 2, "d9"));
        now.add(new Given(23, 1, null));
        input.add(now);
        String[] prune = Stream.concat(Stream.of(update), Stream.of("--prune")).toArray(String[]::new);
        assertThat(report(input.fuse("out", prune))).contains("rows         0 new, 16 kept, 3 changed, 5 removed\n");
        input.assertAsWrittenAnew("out", BY, "--keep=version", "--emit=pooled,tokens");
        before.keySet().removeIf(file -> !file.startsWith("dt=d0/"));
        assertThat(before).isNotEmpty();
        assertThat(files()).containsAllEntriesOf(before);
        assertThat(directory.resolve("out/dt=d2")).doesNotExist();
        assertThat(directory.resolve("out/dt=d9")).exists();
    }

    @Tag("slow")
    @Test
    void aRowWhosePartitionChangedIsFoundByIt() throws IOException {
        String[] update = {UPDATE, BY, "--changed-by=dt"};
        input.add(rows(0, 14, 1));
        input.add(List.of(new Given(14, 1, null), new Given(15, 1, "50%/é")));
        report(input.fuse("out", update));

        input.clear();
        input.add(rows(1, 14, 1));
        input.add(List.of(new Given(0, 1, "d1"), new Given(14, 1, null), new Given(15, 1, "50%/é"), new Given(16, 1)));
        assertThat(report(input.fuse("out", update))).contains("rows         1 new, 15 kept, 1 changed\n");
        input.assertAsWrittenAnew("out", BY);
        assertThat(report(input.fuse("out", update))).startsWith("Nothing to do");
    }

    @Tag("slow")
    @Test
    void badRowsAreSetAsideAnew() throws IOException {
        String aside = "--on-bad-row=quarantine";
        input.add(rows(0, 10, 1));
        input.add(List.of(new Given(10, 1), new Given(10, 1), new Given(null, 1)));
        report(input.fuse("out", UPDATE, BY, aside));
        input.clear();
        input.add(rows(0, 12, 1));
        input.add(List.of(new Given(3, 1)));
        assertThat(report(input.fuse("out", UPDATE, BY, aside)))
                .contains("rows         2 new, 9 kept, 1 removed\n", "quarantined  2 rows (duplicate_key 2)\n");
        input.assertAsWrittenAnew("out", BY, aside);
    }

    @Test
    void aTableOfOtherPartitionsIsRefused() {
        input.add(rows(0, 10, 1));
        report(input.fuse("flat", "--keep=dt"));
        assertThat(input.fuse("flat", UPDATE, BY).error())
                .endsWith(":\n  option 'partition-by': expected none, got 'dt'\n");
        report(input.fuse("parted", BY));
        assertThat(input.fuse("parted", UPDATE, "--keep=dt").error())
                .endsWith(":\n  option 'partition-by': expected 'dt', got none\n");
        assertThat(input.fuse("parted", UPDATE, BY, "--partition-by=version").code())
                .isEqualTo(ExitCode.INPUT);
    }

    @Test
    void keysThatSeveralRunsWroteAreRefused() throws IOException {
        input.add(rows(0, 4, 1));
        report(input.fuse("out", BY));
        input.clear();
        input.add(List.of(new Given(2, 1, "other"), new Given(5, 1, "other")));
        report(input.fuse("out", BY));
        Outcome outcome = input.fuse("out", UPDATE, BY, "--on-bad-row=quarantine", "--max-bad-rows=9");
        assertThat(outcome.error()).contains("option 'on-bad-row'");
        input.add(rows(7, 8, 1));
        outcome = input.fuse("out", UPDATE, BY);
        assertThat(outcome.code()).isEqualTo(ExitCode.INPUT);
        assertThat(outcome.error())
                .isEqualTo("Cannot pair rows by key 'id':\n  the table to update: expected every key once, although"
                        + " several runs wrote its partitions, got 1 key more than once, such as 'k2'\n");
    }

    @Tag("slow")
    @Test
    void rowsOfEarlierRunsArePrunedToo() throws IOException {
        input.add(rows(0, 4, 1));
        report(input.fuse("out", BY));
        input.clear();
        input.add(rows(8, 12, 1));
        report(input.fuse("out", BY));
        assertThat(report(input.fuse("out", UPDATE, BY))).startsWith("Nothing to do");
        assertThat(report(input.fuse("out", UPDATE, BY, "--prune")))
                .contains("rows         0 new, 4 kept, 4 removed\n");
        input.assertAsWrittenAnew("out", BY);
        assertThat(report(input.fuse("out", UPDATE, BY, "--prune"))).startsWith("Nothing to do");
    }

    /** Its data files, by their paths in the table, and what would be another of a file that was written again. */
    private Map<String, Object> files() throws IOException {
        Path table = directory.resolve("out");
        Map<String, Object> found = new TreeMap<>();
        try (Stream<Path> files = Files.walk(table)) {
            for (Path file : files.filter(each -> each.getFileName().toString().startsWith("part-"))
                    .toList()) {
                found.put(
                        table.relativize(file).toString(),
                        List.of(Files.getAttribute(file, "unix:ino"), Files.getLastModifiedTime(file)));
            }
        }
        return found;
    }
}
