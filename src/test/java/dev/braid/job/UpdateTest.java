package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.braid.spark.SharedSpark;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Tables that grow, row by row next to a table that is written anew from the same input. */
@ExtendWith(SharedSpark.class)
class UpdateTest {
    private static final int VISUAL = 320;
    private static final int TEXT = 384;
    private static final String UPDATE = "--update";

    private final SparkSession spark;

    @TempDir
    private Path directory;

    private String keyType = "string";
    private boolean joined;

    private record Outcome(int code, String out, String error) {}

    /** A row of the input. */
    private record Given(Integer id, Integer version) {}

    UpdateTest(SparkSession spark) {
        this.spark = spark;
    }

    @ParameterizedTest
    @CsvSource({"false,string,", "true,bigint,", "false,bigint,3", "true,string,5"})
    void newRowsJoinTheOthersAndTheTableIsThatOfAFullRun(boolean join, String key, String partitions)
            throws IOException {
        joined = join;
        keyType = key;
        String[] more =
                partitions == null ? new String[] {UPDATE} : new String[] {UPDATE, "--partitions=" + partitions};
        add(rows(0, 20, 1));
        assertThat(report(fuse("out", more))).contains("rows         20\n");

        add(rows(20, 26, 1));
        add(rows(26, 30, 1));
        assertThat(report(fuse("out", more))).contains("rows         10 new, 20 kept\n");
        assertAsWrittenAnew("out");
        assertThat(report(fuse("out", more)))
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
        assertThat(report(fuse("out", more)))
                .isEqualTo("Nothing to do: 'file:" + directory.toRealPath() + "/out' has every key of this input\n");
        Files.delete(again);
        assertThat(fuse("out", more).code()).isEqualTo(joined ? ExitCode.INPUT : ExitCode.DONE);
        assertThat(fuse("out").error()).contains("expected a path that does not exist");
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void featuresOfRowsThatAreThereAreNotRead(boolean join) throws IOException {
        joined = join;
        add(rows(0, 20, 1));
        fuse("out");
        try (Stream<Path> files = Files.list(directory.resolve("visual"))) {
            damageFeatures(files.filter(file -> file.getFileName().toString().startsWith("part-"))
                    .findFirst()
                    .orElseThrow());
        }
        assertThat(fuse("anew").code()).isEqualTo(ExitCode.INPUT);
        add(rows(20, 22, 1));
        assertThat(report(fuse("out", UPDATE))).contains("rows         2 new, 20 kept\n");
        assertThat(fuse("out", "--update", "--prune").out()).startsWith("Nothing to do");
    }

    @ParameterizedTest
    @CsvSource({"false,string,array", "true,bigint,int8", "false,bigint,float16"})
    void changedRowsAreReplacedAndThoseThatLeftAreCountedOrRemoved(boolean join, String key, String vectors)
            throws IOException {
        joined = join;
        keyType = key;
        String form = "--vectors=" + vectors;
        String emit = "--emit=pooled,tokens,attention,attention-by-layer";
        String[] update = {UPDATE, "--changed-by=version", "--output-files=4", form, emit};
        add(rows(0, 10, 1));
        add(rows(10, 20, 1));
        add(List.of(new Given(20, null), new Given(21, null), new Given(22, 7)));
        assertThat(report(fuse("out", update))).contains("rows         23\n");
        JsonNode before = manifest("out");

        clear();
        List<Given> now = new ArrayList<>(rows(2, 18, 1));
        now.set(3, new Given(5, 2));
        now.add(new Given(20, null));
        now.add(new Given(21, 9));
        now.add(new Given(22, null));
        now.add(new Given(30, 1));
        add(now);
        assertThat(report(fuse("out", update)))
                .contains(
                        "rows         1 new, 20 kept, 3 changed\n",
                        "left         4 rows of the table are not in the input any more, --prune removes them\n");
        assertThat(report(audit("out"))).contains("rows         24\n");
        assertThat(manifest("out").at("/update/left").asInt()).isEqualTo(4);
        assertThat(report(fuse("out", update))).startsWith("Nothing to do");

        String[] prune = {UPDATE, "--changed-by=version", "--prune", form, emit};
        assertThat(report(fuse("out", prune))).contains("rows         0 new, 20 kept, 4 removed\n");
        assertAsWrittenAnew("out", "--keep=version", form, emit);
        assertThat(manifest("out").at("/tokens")).isEqualTo(manifest("anew").at("/tokens"));
        assertThat(report(fuse("out", prune))).startsWith("Nothing to do");
        assertThat(manifest("out").at("/files").size()).isGreaterThan(1);
        assertThat(before.at("/update").isMissingNode()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void keysThatHaveBecomeBadEndTheRunOrLeaveTheTable(boolean join) throws IOException {
        joined = join;
        String aside = "--on-bad-row=quarantine";
        add(rows(0, 10, 1));
        add(List.of(new Given(10, 1), new Given(10, 1), new Given(11, 1)));
        assertThat(fuse("out", UPDATE).error()).contains("expected every key once, got 1 key more than once");
        assertThat(report(fuse("out", UPDATE, aside)))
                .contains("rows         11\n", "quarantined  2 rows (duplicate_key 2)\n");

        add(List.of(new Given(3, 1), new Given(12, 1)));
        assertThat(report(fuse("out", UPDATE, aside)))
                .contains("rows         1 new, 10 kept, 1 removed\n", "quarantined  4 rows (duplicate_key 4)\n");
        assertAsWrittenAnew("out", aside);

        clear();
        add(rows(0, 13, 1));
        assertThat(report(fuse("out", UPDATE, aside)))
                .contains("rows         2 new, 11 kept\n")
                .doesNotContain("quarantined");
        assertAsWrittenAnew("out", aside);
        assertThat(directory.resolve("out/_quarantine")).doesNotExist();
    }

    @Test
    void rowsWithoutAKeyAreSetAsideAnew() throws IOException {
        String aside = "--on-bad-row=quarantine";
        add(rows(0, 4, 1));
        add(List.of(new Given(null, 1), new Given(4, 1)));
        assertThat(report(fuse("out", UPDATE, aside)))
                .contains("rows         5\n", "quarantined  1 row (null_key 1)\n");
        add(rows(5, 6, 1));
        assertThat(report(fuse("out", UPDATE, aside)))
                .contains("rows         1 new, 5 kept\n", "quarantined  1 row (null_key 1)\n");
        assertAsWrittenAnew("out", aside);
    }

    @Test
    void aTableOfAnotherModelOrOtherOptionsIsRefusedWithAllThatDiffers() throws IOException {
        add(rows(0, 4, 1));
        fuse("out");
        Outcome other = fuse("out", UPDATE, "--vectors=float16", "--changed-by=version", "--pooling=max");
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
        assertThat(fuse("out", UPDATE, "--overwrite").error())
                .isEqualTo(
                        "Cannot fuse: expected one of '--update' (adds to the table) and '--overwrite' (writes it anew), got"
                                + " both\n");
        assertThat(fuse("out", "--prune"))
                .isEqualTo(
                        new Outcome(ExitCode.USAGE, "", "Cannot fuse: expected '--update' with '--prune', got none\n"));
        keyType = "int";
        clear();
        add(rows(0, 5, 1));
        assertThat(fuse("out", UPDATE).error()).contains("column 'id': expected string (the published table), got int");
        Files.delete(directory.resolve("out/_manifest.json"));
        assertThat(fuse("out", UPDATE).code()).isEqualTo(ExitCode.USAGE);
    }

    @Test
    void aFileThatIsNotWhatItsManifestSaysIsNotCopied() throws IOException {
        add(rows(0, 6, 1));
        fuse("out", "--keep=version");
        Path manifest = directory.resolve("out/_manifest.json");
        String fingerprint = manifest("out").at("/files/0/fingerprint").asText();
        Files.deleteIfExists(directory.resolve("out/._manifest.json.crc"));
        Files.writeString(manifest, Files.readString(manifest).replace(fingerprint, "0123456789abcdef"));
        clear();
        add(rows(0, 6, 2));
        Outcome outcome = fuse("out", UPDATE, "--changed-by=version");
        assertThat(outcome.code()).isEqualTo(ExitCode.INPUT);
        assertThat(outcome.error()).contains(" rows of fingerprint 0123456789abcdef (_manifest.json), got ");
        assertThat(names()).containsExactlyInAnyOrder("out", "visual", "text");
    }

    /** The table holds the rows, to the bit, that a full run gives; its manifest says so, and an audit agrees. */
    private void assertAsWrittenAnew(String output, String... options) throws IOException {
        assertThat(report(audit(output)))
                .contains("fingerprint  " + manifest(output).at("/fingerprint").asText());
        List<String> all = new ArrayList<>(List.of(options));
        all.add("--overwrite");
        report(fuse("anew", all.toArray(String[]::new)));
        for (String same : List.of("/rows", "/fingerprint", "/quarantined", "/inputs", "/identity")) {
            assertThat(manifest(output).at(same))
                    .as(same)
                    .isEqualTo(manifest("anew").at(same));
        }
        Dataset<Row> own = spark.read().parquet(directory.resolve(output).toString());
        Dataset<Row> anew = spark.read().parquet(directory.resolve("anew").toString());
        assertThat(own.exceptAll(anew).count()).isZero();
        assertThat(names()).containsExactlyInAnyOrder(output, "anew", "visual", "text");
    }

    private List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }

    private JsonNode manifest(String output) throws IOException {
        return new ObjectMapper()
                .readTree(Files.readString(directory.resolve(output).resolve("_manifest.json")));
    }

    private static String report(Outcome outcome) {
        assertThat(outcome.error().replaceAll("Fusing: .*\n?", "")).isEmpty();
        assertThat(outcome.code()).isEqualTo(ExitCode.DONE);
        return outcome.out();
    }

    private Outcome audit(String output) {
        return run("audit", "--output=" + directory.resolve(output));
    }

    private Outcome fuse(String output, String... options) {
        List<String> all = new ArrayList<>(List.of(
                "fuse", "--model=src/demo/model", "--no-verify", "--key=id", "--output=" + directory.resolve(output)));
        if (joined) {
            all.add("--features=visual=" + directory.resolve("visual"));
            all.add("--features=text=" + directory.resolve("text"));
        } else {
            all.add("--paired=" + directory.resolve("visual"));
        }
        all.addAll(Arrays.asList(options));
        return run(all.toArray(String[]::new));
    }

    private static Outcome run(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter error = new StringWriter();
        int code = Braid.run(arguments, new PrintWriter(out, true), new PrintWriter(error, true));
        return new Outcome(code, out.toString(), error.toString());
    }

    private static List<Given> rows(int first, int end, int version) {
        return IntStream.range(first, end)
                .mapToObj(id -> new Given(id, version))
                .toList();
    }

    /** A further file of each table. */
    private void add(List<Given> rows) {
        StructType schema = new StructType()
                .add("id", DataTypes.IntegerType)
                .add("version", DataTypes.IntegerType)
                .add("visual", DataTypes.BinaryType)
                .add("text", DataTypes.BinaryType);
        List<Row> all = new ArrayList<>();
        for (Given row : rows) {
            Random random =
                    new Random(31L * (row.id() == null ? -1 : row.id()) + (row.version() == null ? 0 : row.version()));
            int tokens = 1 + random.nextInt(3);
            all.add(RowFactory.create(row.id(), row.version(), bytes(random, VISUAL * tokens), bytes(random, TEXT)));
        }
        Collections.shuffle(all, new Random(7));
        Dataset<Row> table = spark.createDataFrame(all, schema)
                .withColumn(
                        "id",
                        keyType.equals("string")
                                ? functions.expr("'k' || id")
                                : functions.col("id").cast(keyType))
                .coalesce(1);
        String[] kept = joined ? new String[] {"text"} : new String[0];
        write(table.drop(kept), "visual");
        write(table.drop("visual", "version"), "text");
    }

    private void write(Dataset<Row> table, String name) {
        table.write()
                .option("compression", "uncompressed")
                .option("parquet.page.write-checksum.enabled", "true")
                .option("parquet.enable.dictionary", "false")
                .mode("append")
                .parquet(directory.resolve(name).toString());
    }

    private void clear() {
        for (String name : List.of("visual", "text")) {
            org.apache.hadoop.fs.FileUtil.fullyDelete(directory.resolve(name).toFile());
        }
    }

    private static byte[] bytes(Random random, int numbers) {
        ByteBuffer bytes = ByteBuffer.allocate(numbers * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        IntStream.range(0, numbers).forEach(i -> bytes.putFloat((float) random.nextGaussian()));
        return bytes.array();
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
