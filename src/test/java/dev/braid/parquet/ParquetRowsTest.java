package dev.braid.parquet;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.example.GroupReadSupport;
import org.apache.parquet.hadoop.metadata.ColumnChunkMetaData;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.hadoop.metadata.ParquetMetadata;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.parquet.internal.column.columnindex.ColumnIndex;
import org.apache.parquet.internal.column.columnindex.OffsetIndex;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Files next to what parquet-java's own reader finds in them. */
class ParquetRowsTest {
    private static final DataType LIST = DataTypes.createArrayType(DataTypes.FloatType, false);
    private static final FileSchema SCHEMA = new FileSchema(
            new StructType()
                    .add("list", LIST, false)
                    .add("id", DataTypes.LongType, true)
                    .add("lists", DataTypes.createArrayType(LIST, false), false)
                    .add("bytes", DataTypes.BinaryType, false)
                    .add("count", DataTypes.IntegerType, true),
            List.of("list", "lists", "bytes"));

    @TempDir
    private java.nio.file.Path directory;

    private final Configuration settings = new Configuration();
    private final Random random = new Random(1);
    private Path file;

    /** A row's vectors; its id is its index. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Vectors(float[] list, float[][] lists, byte[] bytes) {}

    @BeforeEach
    void setUp() {
        file = new Path(directory.resolve("f.parquet").toString());
        settings.set("spark.sql.parquet.writeLegacyFormat", "false");
        settings.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS");
        settings.set("spark.sql.parquet.fieldId.write.enabled", "false");
        settings.set("spark.sql.parquet.variant.annotateLogicalType.enabled", "false");
    }

    @Test
    void rowsAreReadAsTheyWereWrittenFromManyPagesAndRowGroups() throws IOException {
        settings.setInt("parquet.page.size", 2000);
        settings.setInt("parquet.block.size", 200_000);
        List<Vectors> rows = rows(3000);
        write(rows);
        assertThat(footer().getBlocks()).hasSizeGreaterThan(2);
        assertRead(rows);
    }

    @Test
    void rowsAsLargeAsARowGroupFillOneEach() throws IOException {
        settings.setInt("parquet.block.size", 100_000);
        List<Vectors> rows = new ArrayList<>();
        for (int r = 0; r < 6; r++) {
            rows.add(new Vectors(vector(2), new float[][] {vector(30_000)}, new byte[0]));
        }
        write(rows);
        assertThat(footer().getBlocks()).hasSize(6);
        assertRead(rows);
    }

    @Test
    void aPageHoldsNoMoreRowsThanIsSet() throws IOException {
        settings.setInt("parquet.page.row.count.limit", 10);
        List<Vectors> rows = rows(95);
        write(rows);
        assertRead(rows);
        try (ParquetFileReader reader = reader()) {
            for (ColumnChunkMetaData chunk :
                    reader.getFooter().getBlocks().get(0).getColumns()) {
                OffsetIndex pages = reader.readOffsetIndex(chunk);
                assertThat(pages.getPageCount()).as(chunk.toString()).isEqualTo(10);
                assertThat(pages.getFirstRowIndex(9)).isEqualTo(90);
            }
        }
    }

    @Test
    void aRowThatDoesNotEndLeavesNothing() throws IOException {
        settings.setInt("parquet.page.row.count.limit", 7);
        List<Vectors> rows = rows(50);
        try (ParquetRows out = new ParquetRows(file, SCHEMA, CompressionCodecName.ZSTD, settings)) {
            for (int r = 0; r < rows.size(); r++) {
                out.begin();
                add(out, new Vectors(new float[] {1e4f}, new float[][] {{1}, {-1e4f, 2}}, new byte[] {-1, -1, -1}));
                out.begin();
                ((FloatLists) out.vectors().get(1)).add(0, new float[] {1, 2, 3});
                out.begin();
                add(out, rows.get(r));
                out.end(row(r));
            }
            out.begin();
            add(out, rows.get(0));
            out.finish();
        }
        assertRead(rows);
        assertThat(max("list.list.element")).isLessThan(1e4f);
    }

    @Test
    void boundsOfEveryPageAndColumnAreThoseOfItsNumbers() throws IOException {
        settings.setInt("parquet.page.row.count.limit", 10);
        List<Vectors> rows = rows(95);
        write(rows);
        float largest = Float.NEGATIVE_INFINITY;
        for (Vectors row : rows) {
            for (float number : row.list) {
                largest = Math.max(largest, number);
            }
        }
        assertThat(max("list.list.element")).isEqualTo(largest);
        try (ParquetFileReader reader = reader()) {
            for (ColumnChunkMetaData chunk :
                    reader.getFooter().getBlocks().get(0).getColumns()) {
                ColumnIndex pages = reader.readColumnIndex(chunk);
                assertThat(pages.getNullPages())
                        .as(chunk.toString())
                        .hasSize(10)
                        .doesNotContain(true);
                assertThat(chunk.getStatistics().getNumNulls())
                        .isEqualTo(chunk.getPath().toDotString().equals("count") ? 32 : 0);
            }
        }
    }

    @Test
    void bytesAreBoundedAsUnsigned() throws IOException {
        List<Vectors> rows = new ArrayList<>();
        for (byte[] bytes : new byte[][] {{1, 2}, {-1}, {1}, {0, 5}, {}}) {
            rows.add(new Vectors(new float[] {0f}, new float[][] {{-0f}}, bytes));
        }
        write(rows);
        assertRead(rows);
        ColumnChunkMetaData bytes = chunk("bytes");
        assertThat(bytes.getStatistics().getMinBytes()).isEmpty();
        assertThat(bytes.getStatistics().getMaxBytes()).containsExactly(-1);
        assertThat(Float.floatToRawIntBits(max("lists.list.element.list.element")))
                .isZero();
    }

    @Test
    void aFileReplacesNoneAndMakesNoDirectory() throws IOException {
        Files.createFile(directory.resolve("f.parquet"));
        assertThatThrownBy(() -> write(rows(1))).isInstanceOf(FileAlreadyExistsException.class);
        file = new Path(directory.resolve("gone/f.parquet").toString());
        assertThatThrownBy(() -> write(rows(1))).isInstanceOf(IOException.class);
        assertThat(directory.resolve("gone")).doesNotExist();
    }

    @Test
    void aListOfNoNumbersIsRefused() {
        FloatLists lists = FloatLists.of("list");
        assertThatThrownBy(() -> lists.add(0, new float[0])).isInstanceOf(IllegalArgumentException.class);
    }

    private List<Vectors> rows(int count) {
        List<Vectors> rows = new ArrayList<>();
        for (int r = 0; r < count; r++) {
            float[][] lists = new float[1 + random.nextInt(4)][];
            for (int i = 0; i < lists.length; i++) {
                lists[i] = vector(1 + random.nextInt(i == 0 ? 300 : 3));
            }
            byte[] bytes = new byte[random.nextInt(40)];
            random.nextBytes(bytes);
            rows.add(new Vectors(vector(1 + random.nextInt(20)), lists, bytes));
        }
        return rows;
    }

    private float[] vector(int size) {
        float[] vector = new float[size];
        for (int i = 0; i < size; i++) {
            vector[i] = (float) random.nextGaussian();
        }
        return vector;
    }

    private void write(List<Vectors> rows) throws IOException {
        try (ParquetRows out = new ParquetRows(file, SCHEMA, CompressionCodecName.ZSTD, settings)) {
            for (int r = 0; r < rows.size(); r++) {
                out.begin();
                add(out, rows.get(r));
                out.end(row(r));
            }
            assertThat(out.rows()).isEqualTo(rows.size());
            out.finish();
        }
    }

    private static void add(ParquetRows out, Vectors row) {
        ((FloatLists) out.vectors().get(0)).add(0, row.list);
        for (int i = 0; i < row.lists.length; i++) {
            ((FloatLists) out.vectors().get(1)).add(i, row.lists[i]);
        }
        ((Binaries) out.vectors().get(2)).add(row.bytes, row.bytes.length);
    }

    private static InternalRow row(int index) {
        return new GenericInternalRow(new Object[] {(long) index, index % 3 == 0 ? null : index});
    }

    private void assertRead(List<Vectors> rows) throws IOException {
        try (ParquetReader<Group> reader =
                ParquetReader.builder(new GroupReadSupport(), file).build()) {
            for (int r = 0; r < rows.size(); r++) {
                Group group = reader.read();
                Vectors row = rows.get(r);
                assertThat(group.getLong("id", 0)).isEqualTo(r);
                assertThat(group.getFieldRepetitionCount("count")).isEqualTo(r % 3 == 0 ? 0 : 1);
                assertThat(numbers(group.getGroup("list", 0))).isEqualTo(row.list);
                Group lists = group.getGroup("lists", 0);
                assertThat(lists.getFieldRepetitionCount(0)).isEqualTo(row.lists.length);
                for (int i = 0; i < row.lists.length; i++) {
                    assertThat(numbers(lists.getGroup(0, i).getGroup(0, 0))).isEqualTo(row.lists[i]);
                }
                assertThat(group.getBinary("bytes", 0).getBytes()).isEqualTo(row.bytes);
            }
            assertThat(reader.read()).isNull();
        }
    }

    private static float[] numbers(Group list) {
        float[] numbers = new float[list.getFieldRepetitionCount(0)];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = list.getGroup(0, i).getFloat(0, 0);
        }
        return numbers;
    }

    private float max(String leaf) throws IOException {
        return (Float) chunk(leaf).getStatistics().genericGetMax();
    }

    private ColumnChunkMetaData chunk(String leaf) throws IOException {
        return footer().getBlocks().get(0).getColumns().stream()
                .filter(chunk -> chunk.getPath().toDotString().equals(leaf))
                .findFirst()
                .orElseThrow();
    }

    private ParquetMetadata footer() throws IOException {
        try (ParquetFileReader reader = reader()) {
            return reader.getFooter();
        }
    }

    private ParquetFileReader reader() throws IOException {
        return ParquetFileReader.open(HadoopInputFile.fromPath(file, settings));
    }
}
