package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.checkpoint.Checkpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.metadata.ColumnChunkMetaData;
import org.apache.parquet.hadoop.metadata.ParquetMetadata;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;

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
    private static String nullForNaN(String column, DataType type) {
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
            assertThatThrownBy(() -> fuse(paired, golden.checkpoint(), config).count())
                    .hasStackTraceContaining("Cannot decode row 'p-1': column 'text' holds null at token 0");
        }
    }

    @Test
    void aTableThatSparkReadsRowByRowIsNotScanned() {
        GoldenTable golden = GoldenTable.read("odd-sizes");
        SparkSession session = spark.newSession();
        Dataset<Row> data = session.read().parquet(write(golden.paired(spark, GoldenTable.NESTED)));
        TableColumns columns = golden.columns();
        PairedTable paired = PairedTable.stored(new SourceTable("table", data, columns.features()), columns);
        assertThat(paired.scan()).isPresent();
        session.conf().set("spark.sql.parquet.enableVectorizedReader", false);
        assertThat(paired.scan()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "is like the others",
                "lacks a feature",
                "lacks a mask",
                "lacks a kept column",
                "writes names in another case",
                "has its columns in another order",
                "cannot hold null",
                "holds null where it is kept",
                "has lists of two levels",
                "has dictionaries"
            })
    void oneFileOfThreeIsUnlikeTheOthers(String unlike) throws IOException {
        GoldenTable golden = GoldenTable.read("three-modalities").padded();
        FusionConfig config =
                new FusionConfig(golden.columns("label"), golden.largestRow(), false, Set.of(Emitted.TOKENS));
        Dataset<Row> noNull = golden.paired(spark, GoldenTable.FLAT, GoldenTable.NESTED, GoldenTable.BINARY);
        Dataset<Row> table = noNull.withColumn("text", functions.expr(nullForNaN("text", GoldenTable.FLAT)))
                .withColumn("visual", functions.expr(nullForNaN("visual", GoldenTable.NESTED)));
        Path path = Files.createDirectory(directory.resolve("table"));
        file(noNull.withColumn("id", functions.expr("concat('a-', id)")), path.resolve("a.parquet"), "false");
        unlike(unlike, table, noNull, path.resolve("b.parquet"));
        file(table.withColumn("id", functions.expr("concat('c-', id)")), path.resolve("c.parquet"), "false");

        Object outcome = sameOnAndOffHeap(path, golden, config);
        String column = Map.of(
                        "lacks a feature", "'text' is null, expected a sequence of features",
                        "lacks a mask", "'text_mask' is null, expected a mask",
                        "holds null where it is kept", "'text' holds null at token 0, expected numbers")
                .get(unlike);
        if (column != null) {
            assertThat(outcome).isEqualTo("Cannot decode row 'p-0': column " + column);
        } else {
            assertThat(outcome)
                    .asInstanceOf(InstanceOfAssertFactories.LIST)
                    .hasSizeGreaterThanOrEqualTo(3 * golden.rows());
        }
    }

    private void unlike(String unlike, Dataset<Row> table, Dataset<Row> noNull, Path file) throws IOException {
        switch (unlike) {
            case "is like the others" -> file(table, file, "false");
            case "lacks a feature" -> file(table.drop("text"), file, "false");
            case "lacks a mask" -> file(table.drop("text_mask"), file, "false");
            case "lacks a kept column" -> file(table.drop("label"), file, "false");
            case "writes names in another case" ->
                file(table.withColumnsRenamed(Map.of("text", "Text", "id", "ID", "label", "laBel")), file, "false");
            case "has its columns in another order" -> {
                List<String> names = new ArrayList<>(List.of(table.columns()));
                Collections.reverse(names);
                file(table.selectExpr(names.toArray(String[]::new)), file, "false");
            }
            case "cannot hold null" -> file(required(noNull), file, "false");
            case "holds null where it is kept" ->
                file(
                        table.withColumn("text", functions.expr("transform(text, x -> cast(null as float))")),
                        file,
                        "false");
            case "has lists of two levels" -> {
                spark.conf().set("spark.sql.parquet.writeLegacyFormat", true);
                try {
                    file(required(noNull), file, "false");
                } finally {
                    spark.conf().unset("spark.sql.parquet.writeLegacyFormat");
                }
                assertThat(footer(file).getFileMetaData().getSchema().toString())
                        .contains("repeated int32 array");
            }
            case "has dictionaries" -> {
                file(table.crossJoin(spark.range(40).toDF("copy")).drop("copy"), file, "true");
                for (ColumnChunkMetaData chunk : footer(file).getBlocks().get(0).getColumns()) {
                    assertThat(chunk.getEncodingStats().hasDictionaryEncodedPages())
                            .as(chunk.toString())
                            .isTrue();
                }
            }
            default -> throw new IllegalArgumentException(unlike);
        }
    }

    /** The same rows in columns that cannot hold null, nor can their elements. */
    private Dataset<Row> required(Dataset<Row> table) {
        StructType schema = new StructType();
        for (StructField field : table.schema().fields()) {
            schema = schema.add(field.name(), required(field.dataType()), false);
        }
        return spark.createDataFrame(table.toJavaRDD(), schema);
    }

    private static DataType required(DataType type) {
        return type instanceof ArrayType array ? DataTypes.createArrayType(required(array.elementType()), false) : type;
    }

    @ParameterizedTest
    @ValueSource(strings = {"id", "label"})
    void theKeyOrAKeptColumnNamesDirectories(String column) {
        GoldenTable golden = GoldenTable.read("three-modalities");
        FusionConfig config =
                new FusionConfig(golden.columns("label"), golden.largestRow(), false, Set.of(Emitted.TOKENS));
        Path path = directory.resolve("partitioned");
        golden.paired(spark, GoldenTable.NESTED)
                .withColumn("label", functions.expr("if(id = 'p-1', null, label)"))
                .write()
                .partitionBy(column)
                .parquet(path.toString());
        assertThat(sameOnAndOffHeap(path, golden, config)).isInstanceOf(List.class);
    }

    /** What comes of a table: its fused rows, or why it cannot be fused. All files are read by one task. */
    private Object sameOnAndOffHeap(Path path, GoldenTable golden, FusionConfig config) {
        SparkSession session = spark.newSession();
        session.conf().set("spark.sql.files.minPartitionNum", 1);
        session.conf().set("spark.sql.parquet.columnarReaderBatchSize", 2);
        Set<Object> outcomes = new HashSet<>();
        for (boolean offHeap : new boolean[] {false, true}) {
            session.conf().set("spark.sql.columnVector.offheap.enabled", offHeap);
            Dataset<Row> data = session.read().parquet(path.toString());
            PairedTable scanned = PairedTable.stored(
                    new SourceTable("table", data, config.columns().features()), config.columns());
            assertThat(scanned.scan().orElseThrow().getNumPartitions()).isEqualTo(1);
            outcomes.add(outcome(scanned, golden.checkpoint(), config));
            outcomes.add(outcome(planned(scanned), golden.checkpoint(), config));
        }
        assertThat(outcomes).hasSize(1);
        return outcomes.iterator().next();
    }

    private Object outcome(PairedTable paired, Checkpoint checkpoint, FusionConfig config) {
        try {
            return FusionTest.stored(fuse(paired, checkpoint, config));
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            return SparkFailure.translate(failure).getMessage();
        }
    }

    private static PairedTable planned(PairedTable scanned) {
        PairedTable planned = PairedTable.joined(List.of(scanned.rows()), scanned.columns());
        assertThat(planned.scan()).isEmpty();
        return planned;
    }

    private static void file(Dataset<Row> table, Path file, String dictionary) throws IOException {
        Path parts = file.resolveSibling("." + file.getFileName());
        table.coalesce(1)
                .write()
                .option("parquet.enable.dictionary", dictionary)
                .parquet(parts.toString());
        try (Stream<Path> written = Files.list(parts)) {
            Path part = written.filter(each -> each.toString().endsWith(".parquet"))
                    .findAny()
                    .orElseThrow();
            Files.move(part, file);
        }
    }

    private static ParquetMetadata footer(Path file) throws IOException {
        var input = HadoopInputFile.fromPath(new org.apache.hadoop.fs.Path(file.toUri()), new Configuration());
        try (ParquetFileReader reader = ParquetFileReader.open(input)) {
            return reader.getFooter();
        }
    }

    private void same(PairedTable scanned, Checkpoint checkpoint, FusionConfig config) {
        assertThat(scanned.scan()).isPresent();
        assertThat(FusionTest.stored(fuse(scanned, checkpoint, config)))
                .isNotEmpty()
                .isEqualTo(FusionTest.stored(fuse(planned(scanned), checkpoint, config)));
    }

    private PairedTable open(Dataset<Row> table, FusionConfig config) {
        return FeatureTables.paired(spark, write(table), config.columns()).pair(OptionalInt.empty());
    }

    private String write(Dataset<Row> table) {
        String path = directory.resolve("table").toString();
        table.write().mode("overwrite").parquet(path);
        return path;
    }

    private Dataset<Row> fuse(PairedTable paired, Checkpoint checkpoint, FusionConfig config) {
        return Fusion.fuse(paired, checkpoint, Optional.empty(), config, FusionProgress.start(spark.sparkContext()));
    }
}
