package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.decode.MaxBadRows;
import dev.braid.decode.Reason;
import dev.braid.decode.RowPolicy;
import dev.braid.decode.RowPolicy.OnBadRow;
import dev.braid.decode.RowPolicy.OnMissing;
import dev.braid.rows.SparkRows;
import dev.braid.tables.FeatureColumn;
import dev.braid.task.Quarantine;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.CatalystTypeConverters;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Null, duplicate and missing keys that a policy sets aside. */
@ExtendWith(SharedSpark.class)
class KeyPolicyTest {
    private static final RowPolicy QUARANTINE =
            new RowPolicy(OnBadRow.QUARANTINE, MaxBadRows.UNLIMITED, OnMissing.QUARANTINE);
    private static final RowPolicy FUSE_REST =
            new RowPolicy(OnBadRow.QUARANTINE, MaxBadRows.UNLIMITED, OnMissing.FUSE_REST);
    private static final TableColumns COLUMNS =
            new TableColumns("id", List.of(), List.of(feature("visual"), feature("text"), feature("audio")));

    private final SparkSession spark;

    @TempDir
    private Path directory;

    private int written;

    KeyPolicyTest(SparkSession spark) {
        this.spark = spark;
    }

    private static FeatureColumn feature(String modality) {
        return new FeatureColumn(new ModalityConfig(modality, 1), modality, null);
    }

    /** A table with a row per key, null too, and the given features; returns its path. */
    private String write(List<String> keys, String... features) {
        List<Row> rows = keys.stream().map(RowFactory::create).toList();
        List<String> columns = new ArrayList<>(List.of("id"));
        Stream.of(features).map(name -> "array(1f, 2f) as " + name).forEach(columns::add);
        String path = directory.resolve("table" + written++).toString();
        spark.createDataFrame(rows, new StructType().add("id", DataTypes.StringType))
                .repartition(3)
                .selectExpr(columns.toArray(String[]::new))
                .write()
                .parquet(path);
        return path;
    }

    private FeatureTables joined(List<String> visual, List<String> text, List<String> audio) {
        Map<String, String> paths =
                Map.of("visual", write(visual, "visual"), "text", write(text, "text"), "audio", write(audio, "audio"));
        return Tables.perModality(spark, paths, COLUMNS);
    }

    private FeatureTables single(List<String> keys) {
        return Tables.paired(spark, write(keys, "visual", "text", "audio"), COLUMNS);
    }

    @Test
    void everyBadKeyIsSetAsideWithHowOftenItOccursWhere() {
        FeatureTables tables = joined(
                keys("a", "b", "twice", "twice", null),
                keys("a", "twice", "orphan", null, null),
                keys("a", "b", "twice"));
        AuditedKeys keys = tables.audit(QUARANTINE);
        assertThat(keys.rows()).isEqualTo(8);
        assertThat(keys.tableRows()).containsExactly(5L, 5L, 3L);
        assertThat(keys.bad())
                .isEqualTo(Map.of(Reason.NULL_KEY, 3L, Reason.DUPLICATE_KEY, 2L, Reason.MISSING_MODALITY, 2L));
        assertThat(fused(tables, keys)).containsExactly("a");
        String each = "occurs %d time%s in the table of 'visual', %d time%s in the table of 'text', %d time%s in the"
                + " table of 'audio', expected once in each";
        String noKey = "id,null,null_key,is null, expected a key,null,run-1]";
        String twice = "[twice,null,id,null,duplicate_key," + each.formatted(2, "s", 1, "", 1, "") + ",null,run-1]";
        assertThat(bad(tables, keys))
                .containsExactlyInAnyOrder(
                        "[null,visual," + noKey,
                        "[null,text," + noKey,
                        "[null,text," + noKey,
                        twice,
                        twice,
                        "[b,text,id,null,missing_modality," + each.formatted(1, "", 0, "s", 1, "") + ",null,run-1]",
                        "[orphan,visual, audio,id,null,missing_modality," + each.formatted(0, "s", 1, "", 0, "s")
                                + ",null,run-1]");
    }

    private static List<String> keys(String... keys) {
        return Arrays.asList(keys);
    }

    /** The keys of the paired rows, with the modalities that are null, in order. */
    private static List<String> fused(FeatureTables tables, AuditedKeys keys) {
        return tables.pair(OptionalInt.of(3), keys).rows().collectAsList().stream()
                .map(row -> row.getString(0)
                        + (row.isNullAt(1) ? "-visual" : "")
                        + (row.isNullAt(2) ? "-text" : "")
                        + (row.isNullAt(3) ? "-audio" : ""))
                .sorted()
                .toList();
    }

    private static List<String> bad(FeatureTables tables, AuditedKeys keys) {
        List<String> bad = tables.badKeys(keys, "run-1")
                .map(row -> CatalystTypeConverters.convertToScala(row, Quarantine.schema(DataTypes.StringType))
                        .toString())
                .collect();
        assertThat(bad).hasSize(Math.toIntExact(keys.setAside()));
        return bad;
    }

    @Test
    void restsAreFusedAndWhatIsMissingIsNull() {
        FeatureTables tables = joined(keys("a", "b", "twice", "twice", null), keys("a", "d"), keys("a", "b", null));
        AuditedKeys keys = tables.audit(FUSE_REST);
        assertThat(keys.bad()).isEqualTo(Map.of(Reason.NULL_KEY, 2L, Reason.DUPLICATE_KEY, 2L));
        assertThat(fused(tables, keys)).containsExactly("a", "b-text", "d-visual-audio");
        assertThat(bad(tables, keys)).hasSize(4);
    }

    @Test
    void aSingleTableLosesAllRowsOfADuplicateKeyAndKeepsRowsWithoutAKeyForItsTasks() {
        FeatureTables tables = single(keys("a", "b", "b", "b", null, null, "c"));
        AuditedKeys keys = tables.audit(QUARANTINE);
        assertThat(keys.rows()).isEqualTo(7);
        assertThat(keys.badRows()).isEqualTo(5);
        assertThat(fused(tables, keys)).containsExactly("a", "c", "null", "null");
        assertThat(bad(tables, keys))
                .containsOnly("[b,null,id,null,duplicate_key,occurs 3 times, expected once,null,run-1]")
                .hasSize(3);
    }

    @Test
    void whatThePolicyDoesNotSetAsideFailsAsItDidBefore() {
        FeatureTables tables = joined(keys("a", "b", "b", null), keys("a", "b"), keys("a"));
        RowPolicy missingOnly = new RowPolicy(OnBadRow.FAIL, MaxBadRows.UNLIMITED, OnMissing.QUARANTINE);
        assertThatThrownBy(() -> tables.audit(missingOnly))
                .isInstanceOf(InputException.class)
                .hasMessageContaining("got null in 1 row")
                .hasMessageContaining("got 1 key more than once, such as 'b'")
                .hasMessageNotContaining("missing");
        // Key 'b' is a duplicate, whatever else it is.
        RowPolicy badOnly = new RowPolicy(OnBadRow.QUARANTINE, MaxBadRows.UNLIMITED, OnMissing.FAIL);
        assertThat(fused(tables, tables.audit(badOnly))).containsExactly("a");
        FeatureTables orphan = joined(keys("a", "b"), keys("a", "b"), keys("a"));
        assertThatThrownBy(() -> orphan.audit(badOnly)).hasMessageContaining("got 1 key missing, such as 'b'");
    }

    /** Problems are indented lines; a key that looks like one stays within its quotes. */
    @Test
    void aKeyForgesNoLineOfAMessage() {
        String forged = "b'\n  table 'x': expected\u001b[2J";
        FeatureTables orphan = joined(keys("a", forged), keys("a"), keys("a"));
        assertThatThrownBy(() -> orphan.audit(RowPolicy.FAIL))
                .hasMessageContaining("such as 'b'\\u000a  table 'x': expected\\u001b[2J'");
        assertThat(SparkRows.print(
                        new GenericInternalRow(new Object[] {UTF8String.fromString(forged)}), 0, DataTypes.StringType))
                .isEqualTo("b'\\u000a  table 'x': expected\\u001b[2J");
        FeatureTables huge = joined(keys("a", "k".repeat(100_000)), keys("a"), keys("a"));
        assertThatThrownBy(() -> huge.audit(RowPolicy.FAIL))
                .hasMessageContaining("such as '" + "k".repeat(500) + "...'");
    }

    @Test
    void moreBadKeysThanAllowedEndTheRunBeforeFeaturesAreRead() {
        FeatureTables tables = single(keys("a", "b", "b", null));
        for (String limit : List.of("2", "74.9%")) {
            RowPolicy policy =
                    new RowPolicy(OnBadRow.QUARANTINE, MaxBadRows.parse(limit).orElseThrow(), OnMissing.FAIL);
            assertThatThrownBy(() -> tables.audit(policy))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("(--max-bad-rows), got at least 3");
        }
        RowPolicy policy =
                new RowPolicy(OnBadRow.QUARANTINE, MaxBadRows.parse("75%").orElseThrow(), OnMissing.FAIL);
        assertThat(tables.audit(policy).badRows()).isEqualTo(3);
    }

    @Tag("slow")
    @Test
    void featuresAreShuffledOncePerTableAndNothingIsAddedWithoutBadKeys() {
        FeatureTables clean = joined(keys("a", "b"), keys("a", "b"), keys("a", "b"));
        for (RowPolicy policy : List.of(QUARANTINE, FUSE_REST)) {
            assertThat(shuffles(
                            clean.pair(OptionalInt.of(3), clean.audit(policy)).rows()))
                    .isEqualTo(3);
        }
        FeatureTables orphans = joined(keys("a", "b", null), keys("a", "b"), keys("a"));
        assertThat(shuffles(orphans.pair(OptionalInt.of(3), orphans.audit(QUARANTINE))
                        .rows()))
                .as("an inner join leaves out orphans and null keys")
                .isEqualTo(3);
        for (RowPolicy policy : List.of(QUARANTINE, FUSE_REST)) {
            FeatureTables bad = joined(keys("a", "b", "b"), keys("a", "b"), keys("a"));
            assertThat(shuffles(bad.pair(OptionalInt.of(3), bad.audit(policy)).rows()))
                    .as("the fourth one is that of the keys")
                    .isEqualTo(4);
        }
        FeatureTables single = single(keys("a", "b", null));
        assertThat(single.pair(OptionalInt.empty(), single.audit(QUARANTINE)).scan())
                .isPresent();
        FeatureTables twice = single(keys("a", "b", "b"));
        Dataset<Row> rows =
                twice.pair(OptionalInt.empty(), twice.audit(QUARANTINE)).rows();
        assertThat(shuffles(rows)).isZero();
        assertThat(rows.queryExecution().executedPlan().toString()).contains("BroadcastHashJoin");
    }

    @Test
    void manyDuplicateKeysMeetTheRowsInTheSamePartitions() {
        FeatureTables tables = single(keys("a", "b", "b", null, "c"));
        PairedTable paired = tables.pair(OptionalInt.of(3));
        Dataset<Row> rows = paired.without(
                        KeyCounts.of(List.of(paired.rows()), 3).duplicates(), false)
                .rows();
        assertThat(rows.queryExecution().executedPlan().toString())
                .contains("SortMergeJoin")
                .doesNotContain("Broadcast");
        assertThat(rows.collectAsList().stream().map(row -> row.getString(0)))
                .containsExactlyInAnyOrder("a", "c", null);
    }

    private static int shuffles(Dataset<Row> rows) {
        return rows.queryExecution().executedPlan().toString().split("Exchange hashpartitioning", -1).length - 1;
    }

    @Tag("slow")
    @ParameterizedTest
    @ValueSource(longs = {1, 2})
    void everyRowOfRandomTablesIsAccountedFor(long seed) {
        Random random = new Random(seed);
        List<List<String>> keys =
                Stream.generate(() -> randomKeys(random)).limit(3).toList();
        FeatureTables tables = joined(keys.get(0), keys.get(1), keys.get(2));
        for (RowPolicy policy : List.of(QUARANTINE, FUSE_REST)) {
            List<String> fusible = new ArrayList<>();
            long bad = keys.stream()
                    .mapToLong(table -> Collections.frequency(table, null))
                    .sum();
            for (String key : keys.stream()
                    .flatMap(List::stream)
                    .filter(key -> key != null)
                    .distinct()
                    .toList()) {
                List<Integer> counts = keys.stream()
                        .map(table -> Collections.frequency(table, key))
                        .toList();
                boolean fused = Collections.max(counts) == 1 && (policy.fusesRest() || !counts.contains(0));
                bad += fused ? 0 : Collections.max(counts);
                if (fused) {
                    fusible.add(key);
                }
            }
            AuditedKeys audited = tables.audit(policy);
            assertThat(audited.badRows()).isEqualTo(bad);
            assertThat(audited.rows()).isEqualTo(bad + fusible.size());
            assertThat(fused(tables, audited))
                    .extracting(row -> row.replaceFirst("-.*", ""))
                    .containsExactlyInAnyOrderElementsOf(fusible);
            Map<String, Integer> reasons = new HashMap<>();
            bad(tables, audited)
                    .forEach(row -> reasons.merge(row.replaceFirst(".*,id,null,(\\w+),.*", "$1"), 1, Integer::sum));
            Map<String, Integer> expected = new HashMap<>();
            audited.bad().forEach((reason, number) -> expected.put(reason.reasonName(), Math.toIntExact(number)));
            assertThat(reasons).isEqualTo(expected);
        }
    }

    private static List<String> randomKeys(Random random) {
        List<String> keys = new ArrayList<>();
        for (int key = 0; key < 24; key++) {
            int times = Math.max(0, random.nextInt(6) - 3) + random.nextInt(2);
            keys.addAll(Collections.nCopies(times, key == 0 ? null : "k" + key));
        }
        return keys;
    }
}
