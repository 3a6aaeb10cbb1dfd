package dev.braid.destination;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.Pooling;
import dev.braid.decode.MaxBadRows;
import dev.braid.decode.RowPolicy;
import dev.braid.decode.RowPolicy.OnBadRow;
import dev.braid.decode.RowPolicy.OnMissing;
import dev.braid.progress.FusionProgress;
import dev.braid.publish.FusedTable;
import dev.braid.publish.Manifest;
import dev.braid.publish.Partitioning;
import dev.braid.publish.RunDirectory;
import dev.braid.publish.Shard;
import dev.braid.publish.Written;
import dev.braid.spark.AuditedKeys;
import dev.braid.spark.Emitted;
import dev.braid.spark.FeatureTables;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.FusionEngine;
import dev.braid.spark.GoldenTable;
import dev.braid.spark.SharedSpark;
import dev.braid.spark.Tables;
import dev.braid.task.OutputFiles;
import dev.braid.task.VectorForm;
import dev.braid.tensor.Precision;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
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
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Published tables, as they are and after somebody was at them. */
@ExtendWith(SharedSpark.class)
class TableAuditTest {
    private static final GoldenTable GOLDEN = GoldenTable.read("odd-sizes");
    private static final RowPolicy QUARANTINE =
            new RowPolicy(OnBadRow.QUARANTINE, MaxBadRows.UNLIMITED, OnMissing.QUARANTINE);
    private static final Set<Emitted> BOTH = Set.of(Emitted.POOLED, Emitted.TOKENS);

    private final SparkSession spark;

    @TempDir
    private Path directory;

    private Path table;

    TableAuditTest(SparkSession spark) {
        this.spark = spark;
    }

    @Tag("slow")
    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '"',
            value = {
                "ARRAY; id",
                "FLOAT32; cast(substr(id, 3) as decimal(12, 2))",
                "FLOAT16; cast(substr(id, 3) as int)",
                "INT8; cast(id as binary)",
                "INT8; date_add(date'1582-10-10', cast(substr(id, 3) as int))",
            })
    void aPublishedTableIsWhatItsManifestSays(VectorForm form, String key) {
        Manifest published =
                publish(input().withColumn("id", functions.expr(key)), form, EnumSet.allOf(Emitted.class), null);
        assertThat(published.files()).hasSizeGreaterThan(1);
        assertThat(published.quarantined()).isEqualTo(Map.of("duplicate_key", 2L, "null_sequence", 1L));
        for (boolean quick : new boolean[] {true, false}) {
            assertThat(TableAudit.check(spark, table.toString(), quick)).isEqualTo(published);
        }
    }

    @Tag("slow")
    @Test
    void theUsersSettingsAreOfNoMatter() {
        publish();
        SparkSession session = spark.newSession();
        session.conf().set("spark.sql.parquet.binaryAsString", true);
        session.conf().set("spark.sql.parquet.enableVectorizedReader", false);
        session.conf().set("spark.sql.files.maxPartitionBytes", 100);
        TableAudit.check(session, table.toString(), false);
    }

    @Test
    void filesThatAreGoneAddedOrCutAreNamedTogether() throws IOException {
        Manifest manifest = publish();
        Shard gone = manifest.files().get(0);
        Shard cut = manifest.files().get(1);
        Files.copy(table.resolve(cut.file()), table.resolve("part-9-other.parquet"));
        Files.copy(table.resolve(cut.file()), table.resolve("_hidden.parquet"));
        Files.createDirectory(table.resolve("day=1"));
        delete(gone.file());
        byte[] bytes = Files.readAllBytes(table.resolve(cut.file()));
        replace(cut.file(), Arrays.copyOf(bytes, bytes.length - 9));
        String only = "expected only files that the manifest names, got another ";
        assertProblems(
                true,
                "'_hidden.parquet': " + only + "file",
                "'day=1': " + only + "directory",
                "'part-9-other.parquet': " + only + "file",
                "'" + gone.file() + "': expected a file of " + gone.rows() + " rows, got none",
                "'" + cut.file() + "': expected Parquet files, got ");
    }

    @Test
    void aFileOfAnotherRunHasAnotherFingerprint() throws IOException {
        Manifest first = publish();
        Path own = table;
        Pooling pooling = GOLDEN.checkpoint().config().pooling() == Pooling.MAX ? Pooling.MEAN : Pooling.MAX;
        Manifest other = publish(input(), VectorForm.ARRAY, BOTH, pooling);
        int place = first.files().indexOf(withRows(first));
        Shard expected = first.files().get(place);
        Shard got = other.files().get(place);
        assertThat(got.rows()).isEqualTo(expected.rows());
        assertThat(got.fingerprint()).isNotEqualTo(expected.fingerprint());
        byte[] bytes = Files.readAllBytes(table.resolve(got.file()));
        table = own;
        replace(expected.file(), bytes);
        assertProblems(
                false,
                "'" + expected.file() + "': expected fingerprint " + expected.fingerprint() + ", got "
                        + got.fingerprint() + ", computed from its rows");
        TableAudit.check(spark, table.toString(), true);
    }

    @Test
    void aBitOfOneNumberIsSeen() throws IOException {
        spark.conf().set("spark.sql.parquet.compression.codec", "uncompressed");
        try {
            for (boolean checksums : new boolean[] {false, true}) {
                spark.conf().set("parquet.page.write-checksum.enabled", checksums);
                Shard shard =
                        publish(input(), VectorForm.FLOAT32, BOTH, null).files().get(0);
                Path file = table.resolve(shard.file());
                byte[] vector = spark.read().parquet(file.toString()).first().getAs("fused");
                byte[] bytes = Files.readAllBytes(file);
                bytes[indexOf(bytes, vector) + 5] ^= 1;
                replace(shard.file(), bytes);
                assertProblems(
                        false,
                        checksums
                                ? "expected intact Parquet files, got "
                                : "'" + shard.file() + "': expected fingerprint " + shard.fingerprint() + ", got ");
            }
        } finally {
            spark.conf().unset("spark.sql.parquet.compression.codec");
            spark.conf().unset("parquet.page.write-checksum.enabled");
        }
    }

    @Test
    void rowsColumnsAndKeysThatDifferAreNamed() throws IOException {
        Manifest manifest = publish();
        Shard first = manifest.files().get(0);
        Shard second = manifest.files().get(1);
        Shard third = manifest.files().get(2);
        replace(second.file(), Files.readAllBytes(table.resolve(first.file())));
        Path other = directory.resolve("other");
        spark.read()
                .parquet(table.resolve(third.file()).toString())
                .drop("fused")
                .coalesce(1)
                .write()
                .parquet(other.toString());
        try (var written = Files.newDirectoryStream(other, "part-*")) {
            replace(third.file(), Files.readAllBytes(written.iterator().next()));
        }
        assertProblems(
                true,
                "'" + third.file() + "': expected the columns of '" + first.file()
                        + "', 'id', 'label', 'fused', 'fused_tokens', 'fused_lengths', got 'id', 'label',"
                        + " 'fused_tokens', 'fused_lengths'",
                "column 'id': expected each key once, got " + first.rows() + " keys more than once");
    }

    @Test
    void theQuarantineIsCheckedToo() throws IOException {
        Manifest manifest = publish();
        List<Shard> aside = manifest.files().stream()
                .filter(shard -> shard.quarantine() != null)
                .toList();
        assertThat(aside).extracting(Shard::setAside).containsExactly(1L, 2L);
        String bad = aside.get(0).quarantine();
        String keys = aside.get(1).quarantine();
        assertThat(keys).startsWith("keys-");
        edit("\"null_sequence\" : 1", "\"sparse_vector\" : 1");
        assertProblems(
                false,
                "'_quarantine': expected rows by reason {duplicate_key=2, sparse_vector=1}, got {duplicate_key=2,"
                        + " null_sequence=1}");
        TableAudit.check(spark, table.toString(), true);
        edit("\"sparse_vector\" : 1", "\"null_sequence\" : 1");
        delete("_quarantine/" + keys);
        Files.move(table.resolve("_quarantine").resolve(bad), table.resolve("_quarantine/part-8.parquet"));
        assertProblems(
                true,
                "'_quarantine/part-8.parquet': expected only files that the manifest names, got another file",
                "'_quarantine/" + keys + "': expected a file of 2 rows, got none",
                "'_quarantine/" + bad + "': expected a file of 1 row, got none");
    }

    @Test
    void totalsOfTheManifestAreThoseOfItsFiles() throws IOException {
        Manifest manifest = publish();
        edit("\"fingerprint\" : \"" + manifest.fingerprint(), "\"fingerprint\" : \"0000000000000001");
        edit("\"quarantined\" : {\n    \"duplicate_key\" : 2,", "\"quarantined\" : {\n    \"duplicate_key\" : 3,");
        assertProblems(
                true,
                "_manifest.json: expected fingerprint " + manifest.fingerprint()
                        + " (the sum over its files), got 0000000000000001",
                "_manifest.json: expected rows set aside {duplicate_key=2, null_sequence=1} (the sum over its files),"
                        + " got {duplicate_key=3, null_sequence=1}");
    }

    @Test
    void aTableWithoutAManifestIsRefusedWithTheNextStep() throws IOException {
        publish();
        String expected = "Cannot audit table 'file:" + table
                + "': expected a directory that 'braid fuse' published, with _manifest.json in it, got ";
        Files.writeString(table.resolve("_manifest.json"), "{}");
        Files.delete(table.resolve("._manifest.json.crc"));
        assertRefused(expected + "one that cannot be read or is not of format 1; restore it, or write the table anew"
                + " with fuse");
        Files.delete(table.resolve("_manifest.json"));
        assertRefused(
                expected + "none; pass the path that '--output' of fuse named, or write the table anew with fuse");
        table = directory.resolve("nowhere");
        assertRefused("Cannot audit table 'file:" + table + "': expected a directory that 'braid fuse' published, with"
                + " _manifest.json in it, got no such path; pass the path that '--output' of fuse named");
    }

    private void assertRefused(String message) {
        assertThatThrownBy(() -> TableAudit.check(spark, table.toString(), false))
                .isInstanceOf(InputException.class)
                .hasMessage(message);
    }

    /** Each line of the message, in order, begins with one of these. */
    private void assertProblems(boolean quick, String... problems) {
        assertThatThrownBy(() -> TableAudit.check(spark, table.toString(), quick))
                .isInstanceOf(InputException.class)
                .satisfies(failure -> {
                    List<String> lines = failure.getMessage().lines().toList();
                    assertThat(lines.get(0))
                            .isEqualTo("Cannot confirm table 'file:" + table
                                    + "': expected what its _manifest.json says, got "
                                    + (problems.length == 1 ? "a difference" : problems.length + " differences")
                                    + "; restore the table, or write it anew with fuse and '--overwrite':");
                    assertThat(lines).as(failure.getMessage()).hasSize(problems.length + 1);
                    for (int i = 0; i < problems.length; i++) {
                        assertThat(lines.get(i + 1)).startsWith("  " + problems[i]);
                    }
                });
    }

    private static Shard withRows(Manifest manifest) {
        return manifest.files().stream()
                .filter(shard -> shard.rows() > 0)
                .findFirst()
                .orElseThrow();
    }

    private Manifest publish() {
        return publish(input(), VectorForm.ARRAY, BOTH, null);
    }

    /** Golden rows, of which one has a null feature and two share a key. */
    private Dataset<Row> input() {
        Dataset<Row> table = GOLDEN.paired(spark, GoldenTable.NESTED)
                .withColumn("visual", functions.expr("if(id = 'p-1', null, visual)"));
        return table.union(table.filter("id = 'p-0'")).repartition(3);
    }

    /** Runs like the command, into a new {@link #table}. */
    private Manifest publish(Dataset<Row> rows, VectorForm form, Set<Emitted> emitted, Pooling pooling) {
        Path input = directory.resolve("input");
        if (!Files.exists(input)) {
            rows.write().parquet(input.toString());
        }
        table = directory.resolve("table" + System.nanoTime());
        FusionConfig config =
                new FusionConfig(GOLDEN.columns("label"), 64, false, emitted, form, Precision.FLOAT32, QUARANTINE);
        Checkpoint checkpoint =
                pooling == null ? GOLDEN.checkpoint() : GOLDEN.checkpoint().withPooling(pooling);
        FusedTable output = Tables.output(table.toString(), false, List.of(), new Configuration());
        FeatureTables tables = Tables.paired(spark, input.toString(), config.columns());
        AuditedKeys keys = tables.audit(QUARANTINE);
        try (RunDirectory run = output.begin("identity", published -> false).orElseThrow();
                FusionEngine engine = FusionEngine.open(spark, checkpoint, Optional.empty(), config)) {
            return output.write(
                    run,
                    path -> {
                        List<Shard> shards = new ArrayList<>(engine.write(
                                tables.pair(OptionalInt.empty(), keys),
                                path,
                                run.id(),
                                keys,
                                new OutputFiles.Grouping(OptionalInt.empty(), 0, Partitioning.NONE),
                                FusionProgress.start(spark.sparkContext())));
                        shards.addAll(tables.quarantine(keys, path, run.id()));
                        return Written.manifest(run.id(), "identity", shards);
                    },
                    written -> keys.rows(),
                    () -> {});
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    private void edit(String from, String to) throws IOException {
        String text = Files.readString(table.resolve("_manifest.json"));
        assertThat(text).contains(from);
        replace("_manifest.json", text.replace(from, to).getBytes(java.nio.charset.StandardCharsets.UTF_8));
    }

    private void replace(String name, byte[] bytes) throws IOException {
        delete(name);
        Files.write(table.resolve(name), bytes);
    }

    /** Hadoop's own checksum too, which only its local file system has. */
    private void delete(String name) throws IOException {
        Path file = table.resolve(name);
        Files.delete(file);
        Files.deleteIfExists(file.resolveSibling("." + file.getFileName() + ".crc"));
    }

    private static int indexOf(byte[] bytes, byte[] part) {
        ByteBuffer all = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i <= bytes.length - part.length; i++) {
            if (all.slice(i, part.length).equals(ByteBuffer.wrap(part))) {
                return i;
            }
        }
        throw new AssertionError("no such bytes");
    }
}
