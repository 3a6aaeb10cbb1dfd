package dev.braid.destination;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.decode.MaxBadRows;
import dev.braid.decode.RowPolicy;
import dev.braid.progress.FusionProgress;
import dev.braid.publish.FusedTable;
import dev.braid.publish.Manifest;
import dev.braid.publish.Origin;
import dev.braid.publish.OutputExistsException;
import dev.braid.publish.RunDirectory;
import dev.braid.publish.Shard;
import dev.braid.publish.Written;
import dev.braid.spark.AuditedKeys;
import dev.braid.spark.Emitted;
import dev.braid.spark.FeatureTables;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.FusionEngine;
import dev.braid.spark.GoldenTable;
import dev.braid.spark.PairedTable;
import dev.braid.spark.SharedSpark;
import dev.braid.spark.Tables;
import dev.braid.task.OutputFiles;
import dev.braid.task.VectorForm;
import dev.braid.tensor.Precision;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Nightly runs into one table, each of its own partitions. */
@ExtendWith(SharedSpark.class)
class PartitionRunTest {
    private static final GoldenTable GOLDEN = GoldenTable.read("odd-sizes");
    private static final RowPolicy QUARANTINE =
            new RowPolicy(RowPolicy.OnBadRow.QUARANTINE, MaxBadRows.UNLIMITED, RowPolicy.OnMissing.FAIL);

    private final SparkSession spark;

    @TempDir
    private Path directory;

    PartitionRunTest(SparkSession spark) {
        this.spark = spark;
    }

    @Test
    void aRunAddsItsPartitionsAndLeavesTheOthers() throws IOException {
        write("a", "n < 3", "'a'");
        write("b", "n >= 3 and n < 7", "'b'");
        Manifest first = run("a", false).orElseThrow();
        Map<Path, Object> files = inodes();
        Manifest second = run("b", false).orElseThrow();

        assertThat(ids()).containsExactly("a p-0", "a p-1", "a p-2", "b p-3", "b p-4", "b p-5", "b p-6");
        assertThat(inodes()).containsAllEntriesOf(files);
        assertThat(second.rows()).isEqualTo(7);
        assertThat(second.files()).containsAll(first.files());
        assertThat(second.own()).hasSize(1);
        assertThat(second.earlier()).containsExactlyElementsOf(first.runs());
        assertThat(TableAudit.check(spark, table().toString(), false)).isEqualTo(second);
        assertThat(run("b", false)).as("the same run again").isEmpty();
        assertThat(run("a", false)).as("an earlier run again").isEmpty();
        assertThat(names(directory)).containsExactly("a", "b", "out");
    }

    @Test
    void aPartitionThatIsThereIsReplacedOnlyByOverwriteAndAlone() throws IOException {
        write("ab", "n < 6", "if(n < 3, 'a', 'b')");
        write("bc", "n >= 2", "if(n < 6, 'b', 'c')");
        Manifest first = run("ab", false).orElseThrow();
        assertThatThrownBy(() -> run("bc", false))
                .isInstanceOf(OutputExistsException.class)
                .hasMessage(
                        "Cannot write 'file:" + table() + "': expected partitions that do not exist, got 'dt=b'; pass"
                                + " --overwrite to replace exactly the partitions that are written");
        assertThat(names(directory)).containsExactly("ab", "bc", "out");
        Map<Path, Object> files = inodes();
        Manifest second = run("bc", true).orElseThrow();

        assertThat(ids())
                .containsExactly(
                        "a p-0", "a p-1", "a p-2", "b p-2", "b p-3", "b p-4", "b p-5", "c p-6", "c p-7", "c p-8");
        files.keySet().removeIf(file -> file.toString().contains("dt=b"));
        assertThat(inodes()).hasSize(3).containsAllEntriesOf(files);
        // A key of two runs is in two partitions.
        assertThat(TableAudit.check(spark, table().toString(), false)).isEqualTo(second);
        assertThat(second.earlier()).extracting(Manifest.Run::run).containsExactly(first.run());

        write("abc", "true", "if(n < 3, 'a', if(n < 6, 'b', 'c'))");
        Manifest third = run("abc", true).orElseThrow();
        assertThat(third.earlier()).isEmpty();
        assertThat(third.rows()).isEqualTo(GOLDEN.rows());
        assertThat(TableAudit.check(spark, table().toString(), false)).isEqualTo(third);
        assertThat(names(directory)).containsExactly("ab", "abc", "bc", "out");
    }

    @Test
    void aKeyThatOneRunWroteTwiceIsSeen() throws IOException {
        write("a", "n < 3", "'a'");
        write("bc", "n >= 2 and n < 6", "if(n < 4, 'b', 'c')");
        run("a", false);
        Manifest manifest = run("bc", false).orElseThrow();
        List<Path> files = manifest.own().stream()
                .map(shard -> table().resolve(shard.file()))
                .toList();
        TableAudit.check(spark, table().toString(), true);
        Files.write(files.get(1), Files.readAllBytes(files.get(0)));
        Files.delete(files.get(1).resolveSibling("." + files.get(1).getFileName() + ".crc"));
        assertThatThrownBy(() -> TableAudit.check(spark, table().toString(), true))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("column 'id': expected each key once, got 2 keys more than once");
    }

    @Test
    void keptColumnsOfOtherTypesAreRefusedBeforeAnythingIsFused() {
        write("a", "n < 3", "'a'");
        write("b", "n >= 3", "'b'", "visual", "cast(n as int)");
        run("a", false, "model", Map.of(), "n");
        assertThatThrownBy(() -> run("b", true, "model", Map.of(), "n"))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot write partitions of 'file:" + table()
                        + "':\n  column 'n': expected bigint (its other partitions), got int");
    }

    @Test
    void theQuarantineOfARunStaysAsLongAsOneOfItsFiles() throws IOException {
        write("ab", "n < 6", "if(n < 3, 'a', 'b')", "if(n = 1 or n = 4, null, visual)");
        write("b", "n >= 3 and n < 6", "'b'");
        write("a", "n < 3", "'a'");
        Manifest first = run("ab", false).orElseThrow();
        assertThat(first.quarantined()).isEqualTo(Map.of("null_sequence", 2L));
        Manifest second = run("b", true).orElseThrow();
        assertThat(second.quarantined()).isEqualTo(Map.of("null_sequence", 2L));
        assertThat(TableAudit.check(spark, table().toString(), false)).isEqualTo(second);
        Manifest third = run("a", true).orElseThrow();
        assertThat(third.quarantined()).isEmpty();
        assertThat(third.earlier()).extracting(Manifest.Run::run).containsExactly(second.run());
        assertThat(names(table())).containsExactly("_SUCCESS", "_manifest.json", "dt=a", "dt=b");
        assertThat(TableAudit.check(spark, table().toString(), false)).isEqualTo(third);
    }

    @Test
    void aDuplicateKeyOfAnEarlierRunStaysInTheQuarantine() throws IOException {
        write("a", "n < 3", "'a'");
        Dataset<Row> twice = rows("n < 3", "'a'", "visual");
        twice.union(rows("n = 1", "'a'", "visual"))
                .coalesce(1)
                .write()
                .mode("overwrite")
                .parquet(directory.resolve("a").toString());
        write("b", "n >= 3", "'b'");
        run("a", false);
        Manifest second = run("b", false).orElseThrow();
        assertThat(second.quarantined()).isEqualTo(Map.of("duplicate_key", 2L));
        assertThat(TableAudit.check(spark, table().toString(), false)).isEqualTo(second);
        assertThat(ids()).hasSize(8);
    }

    @Test
    void partitionsOfAnotherModelOrOtherOptionsAreRefusedUnlessAllAreReplaced() throws IOException {
        write("a", "n < 3", "'a'");
        write("b", "n >= 3", "'b'");
        write("ab", "true", "if(n < 4, 'a', 'b')");
        run("a", false);
        for (boolean overwrite : new boolean[] {false, true}) {
            assertThatThrownBy(() -> run("b", overwrite, "other model", Map.of()))
                    .isInstanceOf(OutputExistsException.class)
                    .hasMessage(
                            "Cannot write partitions of 'file:" + table() + "': expected the model and the options that"
                                    + " its other partitions were made with (_manifest.json), got a model of SHA-256 other model"
                                    + " and not model; pass those, or choose another path");
            assertThatThrownBy(() -> run("b", overwrite, "model", Map.of("vectors", "int8")))
                    .isInstanceOf(OutputExistsException.class)
                    .hasMessageContaining("got option 'vectors' 'int8' and not none; pass those");
        }
        assertThatThrownBy(() -> run("a", false, "other model", Map.of())).isInstanceOf(OutputExistsException.class);
        assertThat(ids()).containsExactly("a p-0", "a p-1", "a p-2");
        Manifest replaced = run("ab", true, "other model", Map.of()).orElseThrow();
        assertThat(replaced.earlier()).isEmpty();
        assertThat(ids()).hasSize(GOLDEN.rows());
        assertThat(TableAudit.check(spark, table().toString(), false)).isEqualTo(replaced);
    }

    @Test
    void aTableWithoutPartitionsOrAManifestFollowsTheOldRules() throws IOException {
        write("a", "n < 3", "'a'");
        run("a", false);
        Files.delete(table().resolve("_manifest.json"));
        assertThatThrownBy(() -> run("a", false))
                .isInstanceOf(OutputExistsException.class)
                .hasMessageContaining("expected a path that does not exist");
        write("b", "n >= 3", "'b'");
        assertThatThrownBy(() -> run("b", true))
                .isInstanceOf(OutputExistsException.class)
                .hasMessageContaining("its other partitions would be lost: 'dt=a'");
        assertThat(run("a", true).orElseThrow().earlier()).isEmpty();
        assertThat(ids()).hasSize(3);
        Files.writeString(table().resolve("dt=a/thesis.tex"), "mine");
        assertThatThrownBy(() -> run("b", false)).isInstanceOf(OutputExistsException.class);
    }

    private Path table() {
        return directory.resolve("out");
    }

    private Optional<Manifest> run(String input, boolean overwrite) {
        return run(input, overwrite, "model", Map.of());
    }

    /** Runs like the command; empty if there is nothing to do. */
    private Optional<Manifest> run(
            String name, boolean overwrite, String model, Map<String, String> others, String... keep) {
        String[] kept = java.util.Arrays.copyOf(keep, keep.length + 1);
        kept[keep.length] = "dt";
        FusionConfig config = new FusionConfig(
                GOLDEN.columns(kept),
                64,
                false,
                Set.of(Emitted.POOLED),
                VectorForm.ARRAY,
                Precision.FLOAT32,
                QUARANTINE);
        FeatureTables tables = Tables.paired(spark, directory.resolve(name).toString(), config.columns());
        Map<String, String> options = new java.util.TreeMap<>(others);
        options.put(Manifest.PARTITION_BY, "dt");
        Manifest.Model used = new Manifest.Model("m", model);
        Origin origin = new Origin(tables.inputs(), used, options);
        FusedTable output = Tables.output(table().toString(), overwrite, List.of(), new Configuration());
        PartitionRun parts = new PartitionRun(output.path(), tables.partitioning(List.of("dt")), origin, overwrite);
        try {
            Optional<RunDirectory> begun = parts.begin(output);
            if (begun.isEmpty()) {
                return Optional.empty();
            }
            AuditedKeys keys = tables.audit(QUARANTINE);
            try (RunDirectory run = begun.get();
                    FusionEngine engine = FusionEngine.open(spark, GOLDEN.checkpoint(), Optional.empty(), config)) {
                PairedTable paired = tables.pair(OptionalInt.empty(), keys);
                parts.check(paired, run);
                return Optional.of(output.write(
                        run,
                        path -> {
                            List<Shard> shards = new java.util.ArrayList<>(engine.write(
                                    paired,
                                    path,
                                    run.id(),
                                    keys,
                                    new OutputFiles.Grouping(OptionalInt.empty(), 0, parts.partitions()),
                                    FusionProgress.start(spark.sparkContext())));
                            shards.addAll(tables.quarantine(keys, path, run.id()));
                            List<Shard> all = parts.files(shards, tables, keys, run);
                            return Written.manifest(
                                    run.id(),
                                    origin.identity(),
                                    used,
                                    options,
                                    all,
                                    Manifest.earlier(run.base(), all, false));
                        },
                        manifest -> parts.rows(keys, manifest, run),
                        () -> {}));
            }
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private void write(String name, String filter, String dt) {
        write(name, filter, dt, "visual");
    }

    private void write(String name, String filter, String dt, String visual) {
        write(name, filter, dt, visual, "n");
    }

    private void write(String name, String filter, String dt, String visual, String n) {
        rows(filter, dt, visual)
                .withColumn("n", functions.expr(n))
                .coalesce(1)
                .write()
                .parquet(directory.resolve(name).toString());
    }

    private Dataset<Row> rows(String filter, String dt, String visual) {
        return GOLDEN.paired(spark, GoldenTable.NESTED)
                .withColumn("n", functions.expr("cast(substr(id, 3) as bigint)"))
                .filter(filter)
                .withColumn("dt", functions.expr(dt))
                .withColumn("visual", functions.expr(visual));
    }

    private List<String> ids() {
        return spark.read().parquet(table().toString()).selectExpr("concat(dt, ' ', id)").collectAsList().stream()
                .map(row -> row.getString(0))
                .sorted()
                .toList();
    }

    /** Each data file, and what changes when it is written again. */
    private Map<Path, Object> inodes() throws IOException {
        Map<Path, Object> found = new java.util.TreeMap<>();
        try (var files = Files.walk(table())) {
            for (Path file : files.filter(each -> each.getFileName().toString().startsWith("part-"))
                    .toList()) {
                found.put(file, Files.getAttribute(file, "unix:ino"));
            }
        }
        return found;
    }

    private static List<String> names(Path directory) throws IOException {
        try (var files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> !name.endsWith(".crc"))
                    .sorted()
                    .toList();
        }
    }
}
