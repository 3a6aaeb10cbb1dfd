package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.decode.BadRow;
import dev.braid.decode.RowDecoder;
import dev.braid.rows.SparkRows;
import dev.braid.rows.StoredRow;
import dev.braid.storage.AliasFileSystem;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Where a bad row was read, without a column that says so. */
@ExtendWith(SharedSpark.class)
class BadRowOriginTest {
    private static final TableColumns COLUMNS = PairedRows.pixels(9, null, null);

    private final SparkSession spark;

    @TempDir
    private Path directory;

    BadRowOriginTest(SparkSession spark) {
        this.spark = spark;
    }

    @Test
    void aRowOfAFileNamesItAndARowOfAShuffleNamesNone() {
        String path = directory.resolve("some table").toString();
        spark.range(0, 100, 1, 7)
                .selectExpr("string(id) as id", "cast(null as array<array<float>>) as pixels")
                .write()
                .parquet(path);
        List<String> expected = spark.read()
                .parquet(path)
                .selectExpr("id || ' ' || input_file_name()")
                .as(Encoders.STRING())
                .collectAsList();
        assertThat(expected).hasSize(100).allMatch(row -> row.contains("some%20table"));

        FeatureTables tables = Tables.perModality(spark, Map.of("visual", path), COLUMNS);
        PairedTable stored = tables.pair(OptionalInt.empty());
        assertThat(stored.scan()).isPresent();
        assertThat(sources(stored, stored.scan().orElseThrow().coalesce(1)))
                .as("column batches, several files in a task")
                .containsExactlyInAnyOrderElementsOf(expected);
        assertThat(sources(stored, SparkRows.planned(stored.rows(), 1)))
                .as("rows")
                .containsExactlyInAnyOrderElementsOf(expected);
        PairedTable shuffled = tables.pair(OptionalInt.of(3));
        assertThat(sources(shuffled, shuffled.storedRows())).hasSize(100).allMatch(row -> row.endsWith(" null"));
    }

    @Test
    void aPasswordInThePathIsMasked() {
        AliasFileSystem.register("other", spark.sparkContext().hadoopConfiguration());
        spark.range(1)
                .selectExpr("string(id) as id", "cast(null as array<array<float>>) as pixels")
                .write()
                .parquet(directory.resolve("t").toString());
        String path = "other://me:SECRET@host" + directory.resolve("t");
        PairedTable stored =
                Tables.perModality(spark, Map.of("visual", path), COLUMNS).pair(OptionalInt.empty());
        assertThat(sources(stored, stored.storedRows()))
                .singleElement()
                .asString()
                .startsWith("0 other://me:***@host/")
                .doesNotContain("SECRET");
    }

    private static List<String> sources(PairedTable table, JavaRDD<StoredRow> rows) {
        ModelConfig model = PairedRows.model(COLUMNS, false, Pooling.MEAN);
        RowDecoder decoder = table.decoder(new FusionConfig(COLUMNS, 9, false, Set.of(Emitted.POOLED)), model);
        return rows.map(row -> {
                    BadRow bad = (BadRow) decoder.decode(row);
                    return bad.carried().getUTF8String(0) + " " + bad.sourceFile();
                })
                .collect();
    }
}
