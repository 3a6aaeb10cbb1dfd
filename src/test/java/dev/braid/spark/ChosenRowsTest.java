package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.rows.SparkRows;
import dev.braid.tables.PairedColumns;
import java.nio.file.Path;
import java.util.List;
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

/** Rows that are found by a scan of their keys, in files of several splits. */
@ExtendWith(SharedSpark.class)
class ChosenRowsTest {
    private final SparkSession spark;

    @TempDir
    private Path directory;

    ChosenRowsTest(SparkSession spark) {
        this.spark = spark;
    }

    @Tag("slow")
    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            quoteCharacter = '"',
            value = {
                "true; id",
                "false; id",
                "true; 'k' || id",
                "false; cast(id as decimal(30, 4))",
                "true; case id % 7 when 0 then double('NaN') when 1 then -0.0D when 2 then 0.0D else id end",
                "false; case id % 7 when 0 then double('NaN') when 1 then -0.0D when 2 then 0.0D else id end",
                "true; named_struct('a', id, 'b', cast('k' || id as binary))",
                "false; date_add(date'1582-10-01', cast(id as int))",
            })
    void theyAreThoseOfTheKeysAndNoOthers(boolean few, String key) {
        Dataset<Row> table = table(key);
        Dataset<Row> keys = table.filter("n % 5 = 0").select(PairedColumns.KEY).distinct();
        Dataset<Row> expected = table.join(keys, PairedColumns.KEY)
                .select("n")
                .union(table.filter("key is null").select("n"));
        Dataset<Row> nulls = keys.filter("false")
                .union(table.filter("key is null").select("key").limit(1));
        Dataset<Row> chosen =
                ChosenRelation.of(table, keys.filter("key is not null").union(nulls), few);
        assertThat(numbers(chosen)).isEqualTo(numbers(expected)).hasSizeGreaterThan(100);
    }

    @Test
    void noneAreChosenByNoKeys() {
        Dataset<Row> table = table("id");
        assertThat(numbers(
                        ChosenRelation.of(table, table.select(PairedColumns.KEY).filter("false"), true)))
                .isEmpty();
    }

    @Test
    void rowsOfOtherPartitionsAreRefused() {
        Dataset<Row> table = table("id");
        assertThatThrownBy(() -> ChosenRows.of(
                        SparkRows.internal(table.repartition(3)), table, table.select(PairedColumns.KEY), true))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageStartingWith("expected keys in 3 partitions, got ");
    }

    /** Rows with a number, some without a key, in files of several row groups that are split. */
    private Dataset<Row> table(String key) {
        String path = directory.resolve("table").toString();
        spark.range(0, 1000, 1, 3)
                .select(
                        functions.expr("if(id % 100 = 3, null, " + key + ")").as(PairedColumns.KEY),
                        functions.col("id").as("n"),
                        functions.expr("array_repeat(cast(id as float), 50)").as("features"))
                .write()
                .option("parquet.block.size", 8192)
                .option("parquet.page.size.row.check.min", 10)
                .option("parquet.page.size.row.check.max", 10)
                .parquet(path);
        SparkSession session = spark.newSession();
        session.conf().set("spark.sql.files.maxPartitionBytes", 4096);
        session.conf().set("spark.sql.files.openCostInBytes", 1);
        session.conf().set("spark.sql.adaptive.enabled", false);
        Dataset<Row> table = session.read().parquet(path);
        assertThat(SparkRows.internal(table).getNumPartitions()).isGreaterThan(4);
        return table;
    }

    private static List<Long> numbers(Dataset<Row> rows) {
        return rows.select("n").collectAsList().stream()
                .map(row -> row.getLong(0))
                .sorted()
                .toList();
    }
}
