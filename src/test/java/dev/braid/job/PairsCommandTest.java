package dev.braid.job;

import static dev.braid.job.GrowingInput.report;
import static dev.braid.job.GrowingInput.run;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.braid.job.GrowingInput.Outcome;
import dev.braid.spark.SharedSpark;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Commands over pairs that refer to the demo's pictures and texts. */
@ExtendWith(SharedSpark.class)
class PairsCommandTest {
    private static final String ASIDE = "--on-bad-row=quarantine";
    private static final String MISSING_ASIDE = "--on-missing-modality=quarantine";

    private final SparkSession spark;
    private final List<String> ids;

    @TempDir
    private Path directory;

    PairsCommandTest(SparkSession spark) {
        this.spark = spark;
        this.ids = spark.read().parquet("src/demo/visual.parquet").select("codepoints").collectAsList().stream()
                .map(row -> row.getString(0))
                .sorted()
                .toList();
    }

    private static Row pair(String key, String picture, String text) {
        return RowFactory.create(key, picture, text, "note of " + key);
    }

    /** Pairs of few pictures with many texts. */
    private List<Row> pairs(int first, int end) {
        return IntStream.range(first, end)
                .mapToObj(n -> pair("k" + n, ids.get(n % 7), ids.get(n * 31 % 390)))
                .toList();
    }

    private void write(List<Row> pairs) {
        StructType schema = new StructType()
                .add("pair", "string")
                .add("picture", "string")
                .add("codepoints", "string")
                .add("note", "string");
        write(spark.createDataFrame(pairs, schema), "pairs");
    }

    private String write(Dataset<Row> table, String name) {
        String path = directory.resolve(name).toString();
        table.coalesce(1)
                .write()
                .option("parquet.page.write-checksum.enabled", "true")
                .mode("overwrite")
                .parquet(path);
        return path;
    }

    private Outcome start(String command, String... options) {
        List<String> all = new ArrayList<>(List.of(
                command,
                "--model=src/demo/model",
                "--key=pair",
                "--pairs=" + directory.resolve("pairs"),
                "--pair=visual=picture",
                "--pair=text=codepoints",
                "--id=visual=codepoints",
                "--dtype=visual=float16",
                "--dtype=text=float16"));
        for (String modality : List.of("text", "visual")) {
            if (Arrays.stream(options).noneMatch(option -> option.startsWith("--features=" + modality + "="))) {
                all.add("--features=" + modality + "=src/demo/" + modality + ".parquet");
            }
        }
        all.addAll(Arrays.asList(options));
        return run(all.toArray(String[]::new));
    }

    private Outcome fuse(String... options) {
        List<String> all = new ArrayList<>(List.of("--no-verify", "--output=" + directory.resolve("out")));
        all.addAll(Arrays.asList(options));
        return start("fuse", all.toArray(String[]::new));
    }

    private JsonNode manifest() throws IOException {
        return new ObjectMapper().readTree(Files.readString(directory.resolve("out/_manifest.json")));
    }

    /** What the pairs give that are joined with their features first. */
    private String joinedFingerprint() throws IOException {
        Dataset<Row> pictures = spark.read().parquet("src/demo/visual.parquet");
        Dataset<Row> texts = spark.read().parquet("src/demo/text.parquet").select("codepoints", "text");
        Dataset<Row> joined = spark.read()
                .parquet(directory.resolve("pairs").toString())
                .join(texts, "codepoints")
                .drop("codepoints")
                .join(pictures, functions.col("picture").equalTo(functions.col("codepoints")));
        String output = directory.resolve("joined_out").toString();
        report(run(
                "fuse",
                "--model=src/demo/model",
                "--key=pair",
                "--paired=" + write(joined, "joined"),
                "--dtype=visual=float16",
                "--dtype=text=float16",
                "--no-verify",
                "--overwrite",
                "--output=" + output));
        return new ObjectMapper()
                .readTree(Files.readString(Path.of(output, "_manifest.json")))
                .at("/fingerprint")
                .asText();
    }

    @Tag("slow")
    @Test
    void theRowsAreThoseOfTheJoinedTableAndGrowWithThePairs() throws IOException {
        write(pairs(0, 40));
        assertThat(report(fuse("--keep=note", "--profile")))
                .contains(
                        "rows          40\n",
                        "unreferenced  350 rows of 'text' are in no pair\n",
                        "unreferenced  383 rows of 'visual' are in no pair\n",
                        " tokens were projected once for several rows");
        assertThat(manifest().at("/fingerprint").asText()).isEqualTo(joinedFingerprint());
        assertThat(manifest().at("/unreferenced")).hasToString("{\"text\":350,\"visual\":383}");
        assertThat(manifest().at("/inputs")).hasSize(3);
        assertThat(spark.read()
                        .parquet(directory.resolve("out").toString())
                        .where("note != 'note of ' || pair")
                        .count())
                .isZero();
        assertThat(report(fuse("--keep=note"))).startsWith("Nothing to do: ");

        write(pairs(0, 60));
        assertThat(report(fuse("--keep=note", "--update"))).contains("rows          20 new, 40 kept\n");
        assertThat(manifest().at("/fingerprint").asText()).isEqualTo(joinedFingerprint());
        assertThat(report(run("audit", "--output=" + directory.resolve("out")))).contains("rows         60");
        // The same files, referred to by another column, are another input.
        assertThat(fuse("--keep=note", "--id=visual=codepoints", "--pair=visual=codepoints")
                        .error())
                .contains("expected modality 'visual' once");
    }

    @Test
    void badPairsEndTheRunWithAllTheirFaults() throws IOException {
        badPairs();
        Outcome failed = fuse("--features=text=" + twice());
        assertThat(failed.code()).isEqualTo(ExitCode.INPUT);
        assertThat(failed.error())
                .contains(
                        "expected a key in every row, got null in 1 row\n",
                        "expected every key once, got 1 key more than once, such as 'k3'\n",
                        "table 'src/demo/visual.parquet': expected every id in 'picture' of '"
                                + directory.resolve("pairs")
                                + "' ('codepoints'), got 2 pairs with none or one that is missing, such as 'absent', 'none'\n",
                        "expected the ids in 'codepoints' of '" + directory.resolve("pairs")
                                + "' once ('codepoints'), got 1 pair with one that occurs more than once, such as 'double'");
        assertThat(directory.resolve("out")).doesNotExist();
    }

    private void badPairs() {
        List<Row> rows = new ArrayList<>(pairs(0, 20));
        rows.add(pair("k3", ids.get(0), ids.get(1)));
        rows.add(pair(null, ids.get(0), ids.get(1)));
        rows.add(pair("none", null, ids.get(1)));
        rows.add(pair("absent", "no such picture", ids.get(1)));
        rows.add(pair("double", ids.get(0), "twice"));
        write(rows);
    }

    /** The texts, and an id that two of them have. */
    private String twice() {
        Dataset<Row> texts = spark.read().parquet("src/demo/text.parquet").select("codepoints", "text");
        return write(texts.union(texts.limit(2).withColumn("codepoints", functions.lit("twice"))), "texts");
    }

    @Test
    void badPairsAreSetAsideWithTheirReason() throws IOException {
        badPairs();
        assertThat(report(fuse("--features=text=" + twice(), ASIDE, MISSING_ASIDE)))
                .contains(
                        "rows          19\n",
                        "quarantined   6 rows (duplicate_id 1, duplicate_key 2, missing_modality 2, null_key 1)\n");
        List<String> aside = spark
                .read()
                .parquet(directory.resolve("out/_quarantine").toString())
                .selectExpr("concat_ws(' | ', key, modality, column, reason, detail)")
                .collectAsList()
                .stream()
                .map(row -> row.getString(0))
                .toList();
        assertThat(aside)
                .containsExactlyInAnyOrder(
                        "pair | null_key | is null, expected a key",
                        "k3 | pair | duplicate_key | occurs 2 times, expected once",
                        "k3 | pair | duplicate_key | occurs 2 times, expected once",
                        "none | visual | picture | missing_modality | refers to no row of the table of 'visual', expected one",
                        "absent | visual | picture | missing_modality | refers to no row of the table of 'visual',"
                                + " expected one",
                        "double | text | codepoints | duplicate_id | refers to 2 rows of the table of 'text', expected one");
    }

    /** The reason that comes first is the pair's own, whatever else it lacks; a feature row without an id is no fault. */
    @Tag("slow")
    @Test
    void aPairHasOneReasonAndAFaultyFeatureNamesNoFile() throws IOException {
        Dataset<Row> texts = spark.read().parquet("src/demo/text.parquet").select("codepoints", "text");
        Dataset<Row> short_ = texts.where("codepoints = '" + ids.get(5) + "'")
                .withColumn("text", functions.expr("substr(text, 1, 7)"));
        String more = write(
                texts.where("codepoints != '" + ids.get(5) + "'")
                        .union(short_)
                        .union(texts.limit(2).withColumn("codepoints", functions.lit("twice")))
                        .union(texts.limit(1)
                                .withColumn("codepoints", functions.lit(null).cast("string"))),
                "texts");
        write(List.of(
                pair("good", ids.get(0), ids.get(1)),
                pair("both", "no such picture", "twice"),
                pair("short", ids.get(0), ids.get(5))));
        assertThat(start("inspect", "--features=text=" + more).error())
                .contains("got one that is missing in 1 pair", "has 7 bytes")
                .doesNotContain("expected a key");
        assertThat(report(fuse("--features=text=" + more, ASIDE)))
                .contains("rows          1\n", "quarantined   2 rows (duplicate_id 1, wrong_width 1)\n");
        assertThat(spark.read()
                        .parquet(directory.resolve("out/_quarantine").toString())
                        .where("source_file is not null")
                        .count())
                .isZero();
    }

    @Test
    void aPairIsFusedFromTheRest() throws IOException {
        write(List.of(
                pair("both", ids.get(0), ids.get(1)),
                pair("text", null, ids.get(1)),
                pair("picture", ids.get(0), "no such text")));
        assertThat(report(fuse("--on-missing-modality=fuse-rest", "--emit=pooled,tokens")))
                .contains("rows          3\n");
        List<String> lengths = spark
                .read()
                .parquet(directory.resolve("out").toString())
                .orderBy("pair")
                .selectExpr("concat_ws(' ', pair, fused_lengths.visual, fused_lengths.text > 0)")
                .collectAsList()
                .stream()
                .map(row -> row.getString(0))
                .toList();
        assertThat(lengths).containsExactly("both 4 true", "picture 4 false", "text 0 true");
    }

    @Tag("slow")
    @Test
    void bothSidesOfAPairMayComeFromOneTable() throws IOException {
        Dataset<Row> all = spark.read()
                .parquet("src/demo/text.parquet")
                .join(spark.read().parquet("src/demo/visual.parquet"), "codepoints");
        String both = write(all, "both");
        write(pairs(0, 30));
        assertThat(report(fuse("--features=visual=" + both, "--features=text=" + both)))
                .contains("rows          30\n");
        assertThat(manifest().at("/fingerprint").asText()).isEqualTo(joinedFingerprint());
        assertThat(manifest().at("/inputs")).hasSize(2);
    }

    @Tag("slow")
    @Test
    void partitionsAreThoseOfAKeptColumn() throws IOException {
        write(pairs(0, 30));
        assertThat(report(fuse("--partition-by=picture"))).contains("rows          30 in 7 partitions\n");
        assertThat(manifest().at("/fingerprint").asText()).isEqualTo(joinedFingerprint());
        assertThat(fuse("--partition-by=visual").error()).contains("kept column 'visual': expected it in one table");
    }

    @Test
    void inspectSaysHowPairsReferToFeatures() throws IOException {
        write(pairs(0, 40));
        assertThat(report(start("inspect"))).contains("""
                        pairs per row of  rows  in no pair  median  95 %  most
                        visual             390         383       6     6     6
                        text               390         350       1     1     1
                        """, "The tables fit the model.");
        badPairs();
        Outcome misfit = start("inspect", "--features=text=" + twice());
        assertThat(misfit.code()).isEqualTo(ExitCode.INPUT);
        assertThat(misfit.error())
                .contains(
                        "expected an id in 'picture' of '" + directory.resolve("pairs") + "', got null in 1 pair\n",
                        "got one that is missing in 1 pair\n",
                        "got one that occurs more than once in 1 pair");
        assertThat(start("plan", "--rate=100", ASIDE).error()).startsWith("Cannot fuse these tables:\n");
        assertThat(report(start("plan", "--rate=100", ASIDE, MISSING_ASIDE))).startsWith("rows        25\n");
    }

    @Test
    void optionsThatDoNotBelongTogetherAreRefused() throws IOException {
        write(pairs(0, 2));
        assertThat(fuse("--paired=x").error()).contains("expected '--paired' (one table) or '--features'");
        assertThat(run("fuse", "--model=m", "--key=k", "--output=o", "--features=text=t", "--pair=text=c")
                        .error())
                .contains("expected '--pairs' (a table of pairs) and '--pair' (a column of it per modality) together,"
                        + " got no '--pairs'");
        assertThat(run("fuse", "--model=m", "--key=k", "--output=o", "--features=text=t", "--pairs=p")
                        .error())
                .contains("got no '--pair'");
        assertThat(fuse("--id=audio=x").error())
                .contains("Cannot parse option '--id': expected a modality of '--pair' (visual, text), got 'audio'");
        assertThat(fuse("--pair=audio=x").error())
                .contains("a pair column for modality 'audio': expected 'visual', 'text'");
        assertThat(fuse("--id=text=nosuch", "--keep=note").error())
                .contains("table 'src/demo/text.parquet': expected column 'nosuch' (id), got none of that name");
        Dataset<Row> numbers = spark.read()
                .parquet("src/demo/text.parquet")
                .withColumn("codepoints", functions.expr("cast(fold as bigint)"));
        assertThat(fuse("--features=text=" + write(numbers, "numbers")).error())
                .contains("expected column 'codepoints' (refers to 'text') of type bigint ('codepoints' in table '"
                        + directory.resolve("numbers") + "'), got string");
    }
}
