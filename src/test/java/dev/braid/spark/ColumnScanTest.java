package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.checkpoint.Checkpoint;
import dev.braid.progress.FusionProgress;
import dev.braid.tables.SourceTable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

@ExtendWith(SharedSpark.class)
class ColumnScanTest {
    static final List<DataType> TYPES = FusionTest.TYPES;

    private final SparkSession spark;

    @TempDir
    private Path directory;

    ColumnScanTest(SparkSession spark) {
        this.spark = spark;
    }

    @ParameterizedTest
    @FieldSource("TYPES")
    void scannedRowsFuseToTheBitsOfTheRowsOfSparksPlan(DataType type) {
        GoldenTable golden = GoldenTable.read("three-modalities").padded();
        Dataset<Row> table = golden.paired(spark, type);
        for (String modality : List.of("visual", "text")) {
            table = table.withColumn(modality, functions.expr(nullForNaN(modality, type)));
        }
        FusionConfig config =
                new FusionConfig(golden.columns("label"), golden.largestRow(), false, Set.of(Emitted.TOKENS));
        same(open(table.repartition(1), config), golden.checkpoint(), config);
    }

    /** What a dropped token holds does not matter; in binary there is no null. */
    static String nullForNaN(String column, DataType type) {
        if (type.equals(DataTypes.BinaryType)) {
            return column;
        }
        boolean nested = type.equals(GoldenTable.NESTED) || type.equals(GoldenTable.NESTED_DOUBLE);
        return nested
                ? "transform(" + column + ", token -> if(isnan(token[0]), null, token))"
                : "transform(" + column + ", x -> if(isnan(x), null, x))";
    }

    @Test
    void keysAndKeptColumnsOfEveryTypeComeThrough() {
        GoldenTable golden = GoldenTable.read("tokens-only");
        List<String> types = new ArrayList<>(FusionTest.VALUES);
        types.addAll(FusionTest.KEPT_ONLY);
        // A variant is read row by row.
        types.removeIf(type -> type.startsWith("parse_json"));
        List<String> select = new ArrayList<>(List.of("text", "visual"));
        List<String> kept = new ArrayList<>(List.of("label", "text"));
        for (int i = 0; i < types.size(); i++) {
            select.add(types.get(i) + " as k" + i);
            kept.add("k" + i);
        }
        select.addAll(List.of("label", "id"));
        Dataset<Row> table = golden.paired(spark, GoldenTable.FLAT).selectExpr(select.toArray(String[]::new));
        FusionConfig config =
                new FusionConfig(golden.columns(kept.toArray(String[]::new)), 64, false, Set.of(Emitted.TOKENS));
        same(open(table, config), golden.checkpoint(), config);
    }

    @Test
    void aNullInOneRowOfABatchIsFoundInThatRow() {
        GoldenTable golden = GoldenTable.read("odd-sizes");
        FusionConfig config = new FusionConfig(golden.columns(), golden.largestRow(), false, Set.of(Emitted.TOKENS));
        for (DataType type : List.of(GoldenTable.FLAT, GoldenTable.NESTED)) {
            Dataset<Row> table = golden.paired(spark, type)
                    .withColumn("text", functions.expr("transform(text, x -> if(id = 'p-1', null, x))"))
                    .repartition(1);
            PairedTable paired = open(table, config);
            assertThat(paired.scan()).isPresent();
            assertThatThrownBy(() -> fuse(paired, golden.checkpoint(), config).collectAsList())
                    .hasStackTraceContaining("Cannot decode row 'p-1': column 'text' holds null at token 0");
        }
    }

    @Test
    void aTableThatSparkReadsRowByRowIsNotScanned() {
        GoldenTable golden = GoldenTable.read("odd-sizes");
        SparkSession session = spark.newSession();
        Dataset<Row> data = session.read().parquet(write(golden.paired(spark, GoldenTable.NESTED)));
        TableColumns columns = golden.columns();
        PairedTable paired = stored(data, columns);
        assertThat(paired.scan()).isPresent();
        session.conf().set("spark.sql.parquet.enableVectorizedReader", false);
        assertThat(paired.scan()).isEmpty();
    }

    /** A table whose rows can be read from column batches. */
    static PairedTable stored(Dataset<Row> data, TableColumns columns) {
        SourceTable table = new SourceTable("table", data, columns.features());
        Dataset<Row> selected = new ColumnCheck(List.of(table), columns, new ArrayList<>())
                .select()
                .get(0);
        return PairedTable.stored(table, selected, columns);
    }

    /** The same rows as Spark's plan gives them. */
    static PairedTable planned(PairedTable scanned) {
        PairedTable planned = PairedTable.joined(List.of(scanned.rows()), scanned.columns());
        assertThat(planned.scan()).isEmpty();
        return planned;
    }

    private void same(PairedTable scanned, Checkpoint checkpoint, FusionConfig config) {
        assertThat(scanned.scan()).isPresent();
        assertThat(FusionTest.stored(fuse(scanned, checkpoint, config)))
                .isNotEmpty()
                .isEqualTo(FusionTest.stored(fuse(planned(scanned), checkpoint, config)));
    }

    private PairedTable open(Dataset<Row> table, FusionConfig config) {
        return Tables.paired(spark, write(table), config.columns()).pair(OptionalInt.empty());
    }

    private String write(Dataset<Row> table) {
        String path = directory.resolve("table").toString();
        table.write().mode("overwrite").parquet(path);
        return path;
    }

    private Dataset<Row> fuse(PairedTable paired, Checkpoint checkpoint, FusionConfig config) {
        return FusionEngines.fuse(paired, checkpoint, config, FusionProgress.start(spark.sparkContext()));
    }
}
