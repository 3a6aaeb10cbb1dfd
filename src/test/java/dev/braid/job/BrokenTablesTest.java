package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.braid.SlowShare;
import dev.braid.batch.FeatureSequence;
import dev.braid.batch.NoTokens;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.Pooling;
import dev.braid.decode.Reason;
import dev.braid.job.BrokenTable.Fate;
import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import dev.braid.spark.RawTable;
import dev.braid.spark.SharedSpark;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.GenerationMode;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.Tag;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.example.GroupReadSupport;
import org.apache.spark.sql.SparkSession;

/**
 * Generated tables with broken rows, fused by the command: every row is fused once, to the bits that it has alone, or it is
 * in the quarantine once, with its reason.
 */
class BrokenTablesTest {
    private static final List<String> MODELS = List.of(
            "missing-modality-cls",
            "missing-modality-last",
            "mask-one-modality",
            "mask-positions",
            "three-modalities",
            "seed-small",
            "one-token",
            "pooler");
    private static final Configuration HADOOP = new Configuration();
    private static final String GOLDEN = "src/test/resources/golden/";

    private static final int TABLES_OF_A_BLOCK = 50;

    /** One for each seed. */
    private static final int TABLES = SlowShare.of(1000) / TABLES_OF_A_BLOCK * TABLES_OF_A_BLOCK;

    /** Blocks for which Spark compiles its plans, as it does for users; for the others it interprets them, in half the time. */
    private static final int COMPILED_BLOCKS = 1;

    private static final int AT_ONCE = 2;

    private static SparkSession spark;
    private static Path directory;
    private static final Map<String, FusionModel> LOADED = new ConcurrentHashMap<>();
    private static final Map<String, Long> FOUND = new ConcurrentSkipListMap<>();

    @BeforeContainer
    static void start() throws IOException {
        spark = RawTable.startSpark();
        spark.sparkContext().setLogLevel("WARN");
        // About three splits of a table, and not as many as a task slot may have.
        spark.conf().set("spark.sql.files.minPartitionNum", 3);
        spark.conf().set("spark.sql.files.openCostInBytes", 1);
        // No stack trace for each expression.
        spark.conf().set("spark.sql.dataFrameQueryContext.enabled", false);
        directory = Files.createTempDirectory("braid");
        HADOOP.size(); // Copies of one that has not loaded its files load them each time.
    }

    @AfterContainer
    static void stop() throws IOException {
        System.out.println(TABLES + " generated tables, by what became of their rows: " + FOUND);
        LOADED.values().forEach(FusionModel::close);
        spark.stop();
        delete(directory);
    }

    private static void delete(Path path) throws IOException {
        try (Stream<Path> files = Files.walk(path)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    @Property(generation = GenerationMode.EXHAUSTIVE, shrinking = ShrinkingMode.OFF)
    @Tag("slow")
    void everyRowIsFusedOnceOrSetAsideOnceWithItsReason(@ForAll("blocks") int block) throws Exception {
        if (block < COMPILED_BLOCKS) {
            SharedSpark.compilePlans(spark);
        } else {
            SharedSpark.interpretPlans(spark);
        }
        ExecutorService runs =
                Executors.newFixedThreadPool(AT_ONCE); // Its threads have short stacks, which Spark looks at often.
        try {
            List<Callable<Void>> tables = IntStream.rangeClosed(1, TABLES_OF_A_BLOCK)
                    .<Callable<Void>>mapToObj(table -> () -> {
                        check(block * TABLES_OF_A_BLOCK + table);
                        return null;
                    })
                    .toList();
            for (Future<Void> table : runs.invokeAll(tables)) {
                table.get();
            }
        } finally {
            runs.shutdownNow();
        }
    }

    @Provide
    static Arbitrary<Integer> blocks() {
        return Arbitraries.integers().between(0, TABLES / TABLES_OF_A_BLOCK - 1);
    }

    private static void check(int seed) throws IOException {
        Random random = new Random(seed);
        String name = MODELS.get(random.nextInt(MODELS.size()));
        FusionModel model = model(name, random);
        BrokenTable table = new BrokenTable(model.config(), random);
        Path place = Files.createDirectory(directory.resolve("table-" + seed));
        List<String> arguments = new ArrayList<>(List.of(
                "fuse",
                "--model=" + GOLDEN + name,
                "--no-verify",
                "--pooling=" + model.config().pooling().configName(),
                "--output=" + place.resolve("fused")));
        arguments.addAll(table.write(spark, place.resolve("in")));
        String all = "seed " + seed + ": " + String.join(" ", arguments);

        StringWriter error = new StringWriter();
        int code = Braid.run(
                arguments.toArray(String[]::new), new PrintWriter(new StringWriter()), new PrintWriter(error));
        assertThat(code).as("%s: %s", all, error).isZero();
        assertThat(place.toFile().list()).as(all).containsExactlyInAnyOrder("in", "fused");
        check(table, model, place.resolve("fused"), all);
        delete(place);
    }

    private static FusionModel model(String name, Random random) {
        Checkpoint checkpoint = Checkpoint.read(GOLDEN + name, HADOOP);
        List<Pooling> poolings = new ArrayList<>(List.of(Pooling.MEAN, Pooling.MAX, Pooling.LAST, Pooling.CLS));
        if (checkpoint.config().pooling() == Pooling.POOLER) {
            poolings.add(Pooling.POOLER);
        }
        Pooling pooling = poolings.get(random.nextInt(poolings.size()));
        return LOADED.computeIfAbsent(name + pooling, absent -> FusionModel.load(checkpoint.withPooling(pooling)));
    }

    private static void check(BrokenTable table, FusionModel model, Path fused, String all) throws IOException {
        Map<String, float[]> expected = new HashMap<>();
        Map<String, List<Set<String>>> expectedBad = new HashMap<>();
        try (FusionWorkspace alone = model.workspace(table.maxTokens(), Set.of())) {
            for (Fate fate : table.fates()) {
                float[] vector = fate.reasons().isEmpty() ? fuse(fate, model, alone) : null;
                if (vector != null && finite(vector)) {
                    expected.put(fate.key(), vector);
                } else {
                    Set<String> reasons = vector == null
                            ? fate.reasons()
                            : Set.of(BrokenTable.reason(Reason.NON_FINITE_RESULT.reasonName(), null));
                    expectedBad
                            .computeIfAbsent(fate.key(), key -> new ArrayList<>())
                            .add(reasons);
                }
            }
        }
        Map<String, float[]> vectors = new HashMap<>();
        for (Group row : rows(fused)) {
            assertThat(vectors.put(BrokenTable.text(key(row, "id")), vector(row)))
                    .as(all)
                    .isNull();
        }
        assertThat(vectors.keySet()).as(all).isEqualTo(expected.keySet());
        expected.forEach((key, vector) ->
                assertThat(bits(vectors.get(key))).as("'%s' of %s", key, all).isEqualTo(bits(vector)));

        Map<String, List<String>> bad = new HashMap<>();
        Map<String, Long> counts = new TreeMap<>();
        for (Group row : rows(fused.resolve("_quarantine"))) {
            String reason = row.getString("reason", 0);
            String modality = row.getFieldRepetitionCount("modality") == 0 ? null : row.getString("modality", 0);
            bad.computeIfAbsent(BrokenTable.text(key(row, "key")), key -> new ArrayList<>())
                    .add(BrokenTable.reason(reason, modality));
            counts.merge(reason, 1L, Long::sum);
        }
        assertThat(bad.keySet()).as(all).isEqualTo(expectedBad.keySet());
        expectedBad.forEach((key, reasons) -> assertFits(bad.get(key), reasons, "'" + key + "' of " + all));
        Map<?, ?> manifest =
                new ObjectMapper().readValue(fused.resolve("_manifest.json").toFile(), Map.class);
        assertThat(manifest.get("quarantined").toString()).as(all).isEqualTo(counts.toString());
        FOUND.merge("fused", (long) vectors.size(), Long::sum);
        counts.forEach((reason, rows) -> FOUND.merge(reason, rows, Long::sum));
    }

    /** Rows of one key differ in their reasons only if they have no key; then each has one possible reason. */
    private static void assertFits(List<String> got, List<Set<String>> expected, String where) {
        assertThat(got).as(where).hasSameSizeAs(expected);
        if (got.size() == 1) {
            assertThat(got.get(0)).as(where).isIn(expected.get(0));
        } else {
            assertThat(got)
                    .as(where)
                    .containsExactlyInAnyOrderElementsOf(expected.stream()
                            .map(each -> each.iterator().next())
                            .toList());
        }
    }

    private static float[] fuse(Fate fate, FusionModel model, FusionWorkspace alone) {
        List<FeatureSequence> sequences = new ArrayList<>();
        fate.cells().forEach(cell -> sequences.add(cell == null ? NoTokens.INSTANCE : cell.sequence()));
        alone.batch().clear();
        assertThat(alone.batch().add(sequences)).isTrue();
        model.fuse(alone);
        return alone.pooled(0);
    }

    private static boolean finite(float[] vector) {
        return IntStream.range(0, vector.length).allMatch(i -> Float.isFinite(vector[i]));
    }

    private static List<Integer> bits(float[] vector) {
        return IntStream.range(0, vector.length)
                .mapToObj(i -> Float.floatToRawIntBits(vector[i]))
                .toList();
    }

    private static List<Group> rows(Path table) throws IOException {
        List<Group> rows = new ArrayList<>();
        String[] files = table.toFile().list((parent, name) -> name.endsWith(".parquet"));
        for (String file : files == null ? new String[0] : files) {
            org.apache.hadoop.fs.Path path =
                    new org.apache.hadoop.fs.Path(table.resolve(file).toUri());
            try (ParquetReader<Group> reader = ParquetReader.builder(new GroupReadSupport(), path)
                    .withConf(HADOOP)
                    .build()) {
                for (Group row = reader.read(); row != null; row = reader.read()) {
                    rows.add(row);
                }
            }
        }
        return rows;
    }

    private static Object key(Group row, String column) {
        if (row.getFieldRepetitionCount(column) == 0) {
            return null;
        }
        var type = row.getType().getType(column).asPrimitiveType();
        return switch (type.getPrimitiveTypeName()) {
            case INT64 -> row.getLong(column, 0);
            case INT32 -> row.getInteger(column, 0);
            default ->
                type.getLogicalTypeAnnotation() == null
                        ? row.getBinary(column, 0).getBytes()
                        : row.getString(column, 0);
        };
    }

    private static float[] vector(Group row) {
        Group list = row.getGroup("fused", 0);
        float[] vector = new float[list.getFieldRepetitionCount(0)];
        for (int i = 0; i < vector.length; i++) {
            vector[i] = list.getGroup(0, i).getFloat(0, 0);
        }
        return vector;
    }
}
