package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.failure.SparkFailure;
import dev.braid.progress.FusionProgress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.hadoop.ParquetFileReader;
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
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tables of several files, scanned by one task in batches of two rows: what comes of them is what Spark's plan gives. */
@ExtendWith(SharedSpark.class)
class ColumnScanFilesTest {
    private static final GoldenTable GOLDEN =
            GoldenTable.read("three-modalities").padded();
    private static final FusionConfig CONFIG =
            new FusionConfig(GOLDEN.columns("label"), GOLDEN.largestRow(), false, Set.of(Emitted.TOKENS));

    private static final String NO_FEATURE = "lacks a feature";
    private static final String NO_MASK = "lacks a mask";
    private static final String NO_KEPT = "lacks a kept column";
    private static final String CASE = "writes names in another case";
    private static final String REQUIRED = "cannot hold null";
    private static final String NULLS = "holds null where it is kept";
    private static final String TWO_LEVELS = "has lists of two levels";
    private static final String DICTIONARIES = "has dictionaries";

    private final SparkSession spark;

    @TempDir
    private Path directory;

    ColumnScanFilesTest(SparkSession spark) {
        this.spark = spark;
    }

    @Tag("slow")
    @ParameterizedTest
    @ValueSource(strings = {NO_FEATURE, NO_MASK, NO_KEPT, CASE, REQUIRED, NULLS, TWO_LEVELS, DICTIONARIES})
    void oneFileIsUnlikeTheOthers(String unlike) throws IOException {
        Dataset<Row> noNull = GOLDEN.paired(spark, GoldenTable.FLAT, GoldenTable.NESTED, GoldenTable.BINARY);
        Dataset<Row> table = noNull.withColumn(
                        "text", functions.expr(ColumnScanTest.nullForNaN("text", GoldenTable.FLAT)))
                .withColumn("visual", functions.expr(ColumnScanTest.nullForNaN("visual", GoldenTable.NESTED)));
        // Of the first file the schema is taken; the largest is read first.
        file(noNull.union(noNull).withColumn("id", functions.expr("concat('a-', id)")), "a.parquet", unlike);
        file(table.withColumn("id", functions.expr("concat('c-', id)")), "c.parquet", unlike);
        Dataset<Row> other = switch (unlike) {
            case NO_FEATURE -> table.drop("text");
            case NO_MASK -> table.drop("text_mask");
            case NO_KEPT -> table.drop("label");
            case CASE -> table.withColumnsRenamed(Map.of("text", "Text", "id", "ID", "label", "laBel"));
            case NULLS -> table.withColumn("text", functions.expr("transform(text, x -> float(null))"));
            case REQUIRED, TWO_LEVELS -> required(noNull);
            default -> table.crossJoin(spark.range(40).toDF("copy")).drop("copy");
        };
        file(other, "b.parquet", unlike);

        Object outcome = sameOnAndOffHeap(directory);
        String unfit = Map.of(
                        NO_FEATURE, "'text' is null, expected a sequence of features",
                        NO_MASK, "'text_mask' is null, expected a mask",
                        NULLS, "'text' holds null at token 0, expected numbers")
                .get(unlike);
        if (unfit != null) {
            assertThat(outcome).isEqualTo("Cannot decode row 'p-0': column " + unfit);
        } else {
            assertThat(outcome)
                    .asInstanceOf(InstanceOfAssertFactories.LIST)
                    .hasSizeGreaterThanOrEqualTo(4 * GOLDEN.rows());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"id", "label"})
    void theKeyOrAKeptColumnNamesDirectories(String column) {
        String path = directory.resolve("table").toString();
        GOLDEN.paired(spark, GoldenTable.NESTED)
                .withColumn("label", functions.expr("if(id = 'p-1', null, label)"))
                .write()
                .partitionBy(column)
                .parquet(path);
        assertThat(sameOnAndOffHeap(Path.of(path)))
                .asInstanceOf(InstanceOfAssertFactories.LIST)
                .hasSize(GOLDEN.rows());
    }

    /** Writes a file, in the old form of lists or with dictionaries where it is that one. */
    private void file(Dataset<Row> table, String name, String unlike) throws IOException {
        boolean twoLevels = name.equals("b.parquet") && unlike.equals(TWO_LEVELS);
        boolean dictionaries = name.equals("b.parquet") && unlike.equals(DICTIONARIES);
        Path parts = directory.resolve("." + name);
        spark.conf().set("spark.sql.parquet.writeLegacyFormat", twoLevels);
        try {
            table.coalesce(1)
                    .write()
                    .option("parquet.enable.dictionary", dictionaries)
                    .parquet(parts.toString());
        } finally {
            spark.conf().unset("spark.sql.parquet.writeLegacyFormat");
        }
        try (Stream<Path> written = Files.list(parts)) {
            Path part = written.filter(each -> each.toString().endsWith(".parquet"))
                    .findAny()
                    .orElseThrow();
            Files.move(part, directory.resolve(name));
        }
        ParquetMetadata footer = footer(directory.resolve(name));
        assertThat(footer.getFileMetaData().getSchema().toString().contains("repeated int32 array"))
                .isEqualTo(twoLevels);
        assertThat(footer.getBlocks().get(0).getColumns())
                .allMatch(column -> column.getEncodingStats().hasDictionaryEncodedPages() == dictionaries);
    }

    private static ParquetMetadata footer(Path file) throws IOException {
        var input = HadoopInputFile.fromPath(new org.apache.hadoop.fs.Path(file.toUri()), new Configuration());
        try (ParquetFileReader reader = ParquetFileReader.open(input)) {
            return reader.getFooter();
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

    /** What comes of a table: its fused rows, or why it cannot be fused. */
    private Object sameOnAndOffHeap(Path path) {
        SparkSession session = spark.newSession();
        session.conf().set("spark.sql.files.minPartitionNum", 1);
        session.conf().set("spark.sql.parquet.columnarReaderBatchSize", 2);
        Set<Object> outcomes = new HashSet<>();
        for (boolean offHeap : new boolean[] {false, true}) {
            session.conf().set("spark.sql.columnVector.offheap.enabled", offHeap);
            Dataset<Row> data = session.read().parquet(path.toString());
            TableColumns columns = CONFIG.columns();
            PairedTable scanned = ColumnScanTest.stored(data, columns);
            assertThat(scanned.scan().orElseThrow().getNumPartitions()).isEqualTo(1);
            outcomes.add(outcome(scanned));
            outcomes.add(outcome(ColumnScanTest.planned(scanned)));
        }
        assertThat(outcomes).hasSize(1);
        return outcomes.iterator().next();
    }

    private Object outcome(PairedTable paired) {
        FusionProgress progress = FusionProgress.start(spark.sparkContext());
        try {
            return FusionTest.stored(FusionEngines.fuse(paired, GOLDEN.checkpoint(), CONFIG, progress));
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            return SparkFailure.translate(failure).getMessage();
        }
    }
}
