package dev.braid.tables;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.spark.SharedSpark;
import dev.braid.storage.Footers;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What the user set comes before what Braid chooses, and that before Spark's default. */
@ExtendWith(SharedSpark.class)
class SparkSettingsTest {
    /** The bytes of each. */
    private static final List<Long> FILES = List.of(1L << 20);

    private static final String MAX_BYTES = "spark.sql.files.maxPartitionBytes";

    private final SparkSession spark;

    SparkSettingsTest(SparkSession spark) {
        this.spark = spark.newSession();
    }

    @Test
    void everySettingOfTheCallersSessionHoldsInTheReaders() {
        for (Map.Entry<String, String> set : Map.of(
                        "spark.sql.parquet.binaryAsString", "true",
                        "spark.sql.caseSensitive", "true",
                        "spark.sql.legacy.parquet.nanosAsLong", "true",
                        "spark.sql.parquet.mergeSchema", "true",
                        "spark.sql.files.maxPartitionBytes", "1234567",
                        "spark.my.password", "kept as it is",
                        "spark.sql.session.timeZone", "Asia/Tokyo")
                .entrySet()) {
            spark.conf().set(set.getKey(), set.getValue());
        }
        SparkSession reading = SparkSettings.reading(spark).session();
        assertThat(reading.conf().get("spark.sql.parquet.binaryAsString")).isEqualTo("true");
        assertThat(reading.conf().get("spark.sql.caseSensitive")).isEqualTo("true");
        assertThat(reading.conf().get("spark.sql.legacy.parquet.nanosAsLong")).isEqualTo("true");
        assertThat(reading.conf().get("spark.sql.parquet.mergeSchema")).isEqualTo("true");
        assertThat(reading.conf().get("spark.sql.files.maxPartitionBytes")).isEqualTo("1234567");
        assertThat(reading.conf().get("spark.my.password")).isEqualTo("kept as it is");
        assertThat(reading.conf().get("spark.sql.session.timeZone")).isEqualTo("Asia/Tokyo");
    }

    @Test
    void braidChoosesOnlyWhatTheUserLeftAlone() {
        SparkSettings chosen = SparkSettings.reading(spark);
        chosen.fit(new Footers.Rows(10, 4, 1 << 20, 1, 0, true), FILES);
        assertThat(chosen.session().conf().get("spark.sql.parquet.columnarReaderBatchSize"))
                .isEqualTo("4");
        assertThat(chosen.session().conf().get("spark.sql.files.minPartitionNum"))
                .as("of two slots, each with three tasks")
                .isEqualTo("48");
        assertThat(chosen.session().conf().get("spark.sql.parquet.datetimeRebaseModeInRead"))
                .isEqualTo("CORRECTED");
        assertThat(chosen.session().conf().get("spark.sql.files.maxPartitionBytes"))
                .startsWith("134217728");
        assertThat(chosen.session().conf().get("spark.sql.files.openCostInBytes"))
                .as("1 MiB in four row groups")
                .isEqualTo("262144");
        spark.conf().set("spark.sql.files.openCostInBytes", 5);
        spark.conf().set("spark.sql.parquet.columnarReaderBatchSize", 77);
        spark.conf().set("spark.sql.files.minPartitionNum", 9);
        spark.conf().set("spark.sql.parquet.datetimeRebaseModeInRead", "LEGACY");
        SparkSettings users = SparkSettings.reading(spark);
        users.fit(new Footers.Rows(10, 4, 1 << 20, 1, 0, true), FILES);
        assertThat(users.session().conf().get("spark.sql.parquet.columnarReaderBatchSize"))
                .isEqualTo("77");
        assertThat(users.session().conf().get("spark.sql.files.openCostInBytes"))
                .isEqualTo("5");
        assertThat(users.session().conf().get("spark.sql.files.minPartitionNum"))
                .isEqualTo("9");
        assertThat(users.session().conf().get("spark.sql.parquet.datetimeRebaseModeInRead"))
                .isEqualTo("LEGACY");
    }

    /** 48 splits are wanted, none of more than 128 MiB. */
    @ParameterizedTest
    @CsvSource({
        "60, 94, 128", // no file is cut
        "28, 94, 47", // Spark cuts splits of 57 and of 37
        "100, 200, 100", // Spark cuts 128 and 72
        "100, 256, 128",
        "100, 130, 128", // many remainders of 2 are one split
        "1, 64000, 128"
    })
    void filesOfOneSizeAreCutIntoEqualSplits(int files, long mib, long splitMib) {
        List<Long> table = Collections.nCopies(files, mib << 20);
        SparkSettings settings = SparkSettings.reading(spark);
        settings.fit(new Footers.Rows(10, files, 1, 1, 0, true), table);
        settings.splitEvenly(List.of(table));
        String most = settings.session().conf().get(MAX_BYTES);
        assertThat(Long.parseLong(most.replace("b", "")) >> 20).isEqualTo(splitMib);
    }

    /** Neither a larger table of small files nor a small table decides how the files of another table are cut. */
    @Test
    void filesAreCutEquallyWhateverTheOtherTablesAre() {
        List<Long> cut = Collections.nCopies(28, 94L << 20);
        List<Long> larger = Collections.nCopies(137, 23L << 20);
        SparkSettings settings = SparkSettings.reading(spark);
        settings.splitEvenly(List.of(larger, cut, List.of(10L << 20)));
        assertThat(settings.session().conf().get(MAX_BYTES)).isEqualTo(String.valueOf(47L << 20));
    }

    /** A file of a million bytes and one, in four row groups, is cut into four splits and not into five. */
    @Test
    void aSmallFileHasNoMoreSplitsThanRowGroups() {
        SparkSettings settings = SparkSettings.reading(spark);
        settings.fit(new Footers.Rows(10, 4, 1, 1, 0, true), List.of(1_000_001L));
        settings.splitEvenly(List.of(List.of(1_000_001L)));
        assertThat(settings.session().conf().get(MAX_BYTES)).isEqualTo("250001");
    }

    @Test
    void aSizeOfSplitsIsTheUsers() {
        spark.conf().set(MAX_BYTES, "90m");
        SparkSettings settings = SparkSettings.reading(spark);
        settings.splitEvenly(List.of(List.of(100L << 30)));
        assertThat(settings.session().conf().get(MAX_BYTES)).isEqualTo("90m");
    }

    @Test
    void whatCannotBeRespectedIsSetAllTheSame() {
        spark.conf().set("spark.sql.adaptive.enabled", true);
        spark.conf().set("spark.sql.parquet.enableVectorizedReader", true);
        SparkSettings settings = SparkSettings.reading(spark);
        settings.fit(new Footers.Rows(10, 1, 1, 1, 0, false), FILES);
        assertThat(settings.session().conf().get("spark.sql.adaptive.enabled")).isEqualTo("false");
        assertThat(settings.session().conf().get("spark.sql.parquet.enableVectorizedReader"))
                .isEqualTo("false");
        assertThat(spark.conf().get("spark.sql.adaptive.enabled")).isEqualTo("true");
        assertThat(settings.session().conf().get("parquet.page.verify-checksum.enabled"))
                .isEqualTo("true");
    }

    @Test
    void settingsUnderTheirOlderNamesAreTheUsersToo() {
        spark.conf().set("spark.sql.legacy.parquet.datetimeRebaseModeInRead", "LEGACY");
        SparkSession reading = SparkSettings.reading(spark).session();
        assertThat(reading.conf().get("spark.sql.parquet.datetimeRebaseModeInRead"))
                .isEqualTo("LEGACY");
    }

    @Test
    void aNumberOfShufflePartitionsIsTheUsers() {
        spark.conf().set("spark.sql.shuffle.partitions", 7);
        assertThat(SparkSettings.reading(spark).shufflePartitions()).isEqualTo(OptionalInt.of(7));
    }

    @Test
    void theWritersCodecAndRowGroupAreTheUsersWhereSet() {
        Configuration chosen = WriterSettings.of(spark);
        assertThat(WriterSettings.codec(chosen)).isEqualTo(CompressionCodecName.ZSTD);
        assertThat(chosen.get("parquet.compression.codec.zstd.level")).isEqualTo("1");
        assertThat(chosen.get("parquet.block.size")).isEqualTo("67108864");
        assertThat(chosen.get("spark.sql.parquet.outputTimestampType")).isEqualTo("TIMESTAMP_MICROS");
        assertThat(chosen.get("spark.sql.parquet.datetimeRebaseModeInWrite")).isEqualTo("CORRECTED");
        Map<String, String> set = Map.of(
                "parquet.compression.codec.zstd.level", "7",
                "parquet.block.size", "1048576",
                "spark.sql.parquet.outputTimestampType", "INT96",
                "spark.sql.parquet.datetimeRebaseModeInWrite", "LEGACY");
        set.forEach((key, value) -> spark.conf().set(key, value));
        Configuration users = WriterSettings.of(SparkSettings.reading(spark).session());
        set.forEach((key, value) -> assertThat(users.get(key)).as(key).isEqualTo(value));
    }

    /** A run that goes on after another with other settings must not publish a file that those have not made. */
    @Test
    void aPlanIsOneOfTheWritersSettings() {
        String plan = planDigest();
        assertThat(planDigest()).isEqualTo(plan);
        Map.of(
                        "spark.sql.parquet.compression.codec", "gzip",
                        "parquet.encryption.kms.client.class", "Kms",
                        "parquet.page.size", "100")
                .forEach((key, value) -> {
                    spark.conf().set(key, value);
                    assertThat(planDigest()).as(key).isNotEqualTo(plan);
                    spark.conf().unset(key);
                });
        spark.conf().set("parquet.encryption.key.access.token", "renewed");
        assertThat(planDigest()).isEqualTo(plan);
        assertThat(WriterSettings.planDigest(spark, WriterSettings.of(spark), "3", "other"))
                .isNotEqualTo(plan);
    }

    @ParameterizedTest
    @CsvSource({
        "none, UNCOMPRESSED",
        "uncompressed, UNCOMPRESSED",
        "Snappy, SNAPPY",
        "lz4_raw, LZ4_RAW",
        "lz4raw, LZ4_RAW"
    })
    void codecsHaveSparksNames(String name, CompressionCodecName codec) {
        Configuration settings = new Configuration(false);
        settings.set("spark.sql.parquet.compression.codec", name);
        assertThat(WriterSettings.codec(settings)).isEqualTo(codec);
    }

    @Test
    void aJobsTasksFindTheSettingsAndLaterJobsDoNot() {
        JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
        Configuration settings = new Configuration(false);
        settings.set("spark.sql.x", "1");
        settings.set("other", "2");
        AtomicReference<String> seen = new AtomicReference<>();
        WriterSettings.run(
                context,
                settings,
                () -> seen.set(context.getLocalProperty("spark.sql.x") + context.getLocalProperty("other")));
        assertThat(seen).hasValue("1null");
        assertThat(context.getLocalProperty("spark.sql.x")).isNull();
    }

    private String planDigest() {
        return WriterSettings.planDigest(spark, WriterSettings.of(spark), "3", "run");
    }
}
