package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
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
import org.apache.hadoop.fs.FileUtil;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** An input that grows, the runs over it, and what they publish next to it: for tests. */
final class GrowingInput {
    private static final int VISUAL = 320;
    private static final int TEXT = 384;
    /** Rows of a partition, if nothing else is said. */
    private static final int PARTITION = 8;

    private final SparkSession spark;
    private final Path directory;
    /** The type of the keys. */
    String keyType = "string";
    /** Whether each modality has a table of its own. */
    boolean joined;

    /** What a run ended with. */
    record Outcome(int code, String out, String error) {}

    /**
     * A row of the input.
     *
     * @param dt of the column that may name a directory
     */
    record Given(Integer id, Integer version, String dt) {
        Given(Integer id, Integer version) {
            this(id, version, id == null ? null : "d" + id / PARTITION);
        }
    }

    GrowingInput(SparkSession spark, Path directory) {
        this.spark = spark;
        this.directory = directory;
    }

    /** The table holds the rows, to the bit, that a full run gives; its manifest says so, and an audit agrees. */
    void assertAsWrittenAnew(String output, String... options) throws IOException {
        assertThat(report(audit(output)))
                .contains("fingerprint  " + manifest(output).at("/fingerprint").asText());
        List<String> all = new ArrayList<>(List.of(options));
        FileUtil.fullyDelete(directory.resolve("anew").toFile());
        report(fuse("anew", all.toArray(String[]::new)));
        for (String same : List.of("/rows", "/fingerprint", "/quarantined", "/inputs", "/identity")) {
            assertThat(manifest(output).at(same))
                    .as(same)
                    .isEqualTo(manifest("anew").at(same));
        }
        assertThat(fused(output)).containsExactlyInAnyOrderElementsOf(fused("anew"));
        assertThat(names()).containsExactlyInAnyOrder(output, "anew", "visual", "text");
    }

    /** The rows of an output. */
    private List<Row> fused(String output) {
        return spark.read().parquet(directory.resolve(output).toString()).collectAsList();
    }

    List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }

    JsonNode manifest(String output) throws IOException {
        return new ObjectMapper()
                .readTree(Files.readString(directory.resolve(output).resolve("_manifest.json")));
    }

    static String report(Outcome outcome) {
        assertThat(outcome.error().replaceAll("Fusing: .*\n?", "")).isEmpty();
        assertThat(outcome.code()).isEqualTo(ExitCode.DONE);
        return outcome.out();
    }

    Outcome audit(String output) {
        return run("audit", "--output=" + directory.resolve(output));
    }

    Outcome fuse(String output, String... options) {
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

    static Outcome run(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter error = new StringWriter();
        int code = Braid.run(arguments, new PrintWriter(out, true), new PrintWriter(error, true));
        return new Outcome(code, out.toString(), error.toString());
    }

    static List<Given> rows(int first, int end, int version) {
        return IntStream.range(first, end)
                .mapToObj(id -> new Given(id, version))
                .toList();
    }

    /** A further file of each table. */
    void add(List<Given> rows) {
        StructType schema = new StructType()
                .add("id", DataTypes.IntegerType)
                .add("version", DataTypes.IntegerType)
                .add("dt", DataTypes.StringType)
                .add("visual", DataTypes.BinaryType)
                .add("text", DataTypes.BinaryType);
        List<Row> all = new ArrayList<>();
        for (Given row : rows) {
            Random random =
                    new Random(31L * (row.id() == null ? -1 : row.id()) + (row.version() == null ? 0 : row.version()));
            int tokens = 1 + random.nextInt(3);
            all.add(RowFactory.create(
                    row.id(), row.version(), row.dt(), bytes(random, VISUAL * tokens), bytes(random, TEXT)));
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
        write(table.drop("visual", "version", "dt"), "text");
    }

    private void write(Dataset<Row> table, String name) {
        table.write()
                .option("compression", "uncompressed")
                .option("parquet.page.write-checksum.enabled", "true")
                .option("parquet.enable.dictionary", "false")
                .mode("append")
                .parquet(directory.resolve(name).toString());
    }

    void clear() {
        for (String name : List.of("visual", "text")) {
            FileUtil.fullyDelete(directory.resolve(name).toFile());
        }
    }

    private static byte[] bytes(Random random, int numbers) {
        ByteBuffer bytes = ByteBuffer.allocate(numbers * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        IntStream.range(0, numbers).forEach(i -> bytes.putFloat((float) random.nextGaussian()));
        return bytes.array();
    }
}
