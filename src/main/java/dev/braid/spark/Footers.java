package dev.braid.spark;

import dev.braid.InputException;
import java.io.EOFException;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.metadata.BlockMetaData;
import org.apache.parquet.hadoop.metadata.ColumnChunkMetaData;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.parquet.schema.MessageType;

/** What the footers of Parquet files say. Many are read at once, as the caller's Hadoop user. Driver only. */
final class Footers {
    /** The encodings that Spark's vectorized reader decodes, in each supported version. */
    private static final Set<String> VECTORIZED = Set.of(
            "PLAIN",
            "PLAIN_DICTIONARY",
            "RLE_DICTIONARY",
            "RLE",
            "BIT_PACKED",
            "DELTA_BINARY_PACKED",
            "DELTA_LENGTH_BYTE_ARRAY",
            "DELTA_BYTE_ARRAY");

    private Footers() {}

    /** The schema of a file, and what its writer noted beside it. */
    record Schema(MessageType type, Map<String, String> notes) {}

    /**
     * What files say of their rows.
     *
     * @param rows in all files
     * @param groups row groups with rows; a task reads one or more
     * @param largestRow bytes of a row, decoded: the mean of the row group with the largest rows; 0 without rows
     * @param vectorized whether Spark's vectorized reader decodes every column
     */
    record Rows(long rows, long groups, long largestRow, boolean vectorized) {
        static final Rows NONE = new Rows(0, 0, 0, true);

        Rows and(Rows other) {
            return new Rows(
                    rows + other.rows,
                    groups + other.groups,
                    Math.max(largestRow, other.largestRow),
                    vectorized && other.vectorized);
        }
    }

    /** The rows in all part files of a directory that Spark wrote. */
    static long rows(Path directory, Configuration hadoop) throws IOException {
        FileSystem files = directory.getFileSystem(hadoop);
        List<FileStatus> parts =
                Arrays.asList(files.listStatus(directory, path -> path.getName().startsWith("part-")));
        return rows(parts, Set.of(), hadoop).rows();
    }

    /** The rows of all these files, and the size and encodings of their given top-level columns, in lower case. */
    static Rows rows(List<FileStatus> files, Set<String> columns, Configuration hadoop) throws IOException {
        return StorageCalls.all(files, file -> read(file, hadoop, reader -> rows(reader, columns))).stream()
                .reduce(Rows.NONE, Rows::and);
    }

    /** The schemas of these files. */
    static List<Schema> schemas(List<FileStatus> files, Configuration hadoop) throws IOException {
        return StorageCalls.all(
                files,
                file -> read(
                        file,
                        hadoop,
                        reader -> new Schema(
                                reader.getFileMetaData().getSchema(),
                                reader.getFileMetaData().getKeyValueMetaData())));
    }

    /** @throws InputException if the footer is damaged */
    private static <T> T read(FileStatus file, Configuration hadoop, StorageCalls.Call<ParquetFileReader, T> call)
            throws IOException {
        try (ParquetFileReader reader = ParquetFileReader.open(HadoopInputFile.fromStatus(file, hadoop))) {
            return call.of(reader);
        } catch (EOFException | RuntimeException damaged) {
            throw damaged(file, damaged);
        } catch (IOException failure) {
            // Thrift's wording; any other may pass on a second try.
            if (String.valueOf(failure.getMessage()).startsWith("can not read class")) {
                throw damaged(file, failure);
            }
            throw failure;
        }
    }

    private static InputException damaged(FileStatus file, Exception failure) {
        String reason = SparkFailure.firstLine(failure);
        return new InputException(
                "expected Parquet files, got '" + file.getPath() + "' (" + file.getLen() + " bytes): " + reason,
                failure);
    }

    private static Rows rows(ParquetFileReader reader, Set<String> columns) {
        long rows = 0;
        long groups = 0;
        long largest = 0;
        boolean vectorized = true;
        MessageType type = reader.getFileMetaData().getSchema();
        for (BlockMetaData block : reader.getFooter().getBlocks()) {
            long bytes = 0;
            for (ColumnChunkMetaData chunk : block.getColumns()) {
                if (columns.contains(SourceTable.lowerCase(chunk.getPath().toArray()[0]))) {
                    bytes += decodedBytes(chunk);
                    vectorized &= isVectorized(chunk, type);
                }
            }
            rows += block.getRowCount();
            groups += block.getRowCount() == 0 ? 0 : 1;
            largest = Math.max(largest, block.getRowCount() == 0 ? 0 : bytes / block.getRowCount());
        }
        return new Rows(rows, groups, largest, vectorized);
    }

    /** The old packing of levels is no encoding of values, so Spark decodes a column with it unless it has levels. */
    private static boolean isVectorized(ColumnChunkMetaData chunk, MessageType type) {
        Set<String> encodings = chunk.getEncodings().stream().map(Enum::name).collect(Collectors.toSet());
        boolean oldLevels = encodings.contains("BIT_PACKED") && !encodings.contains("RLE");
        boolean noLevels = type.getMaxDefinitionLevel(chunk.getPath().toArray()) == 0;
        return VECTORIZED.containsAll(encodings) && (noLevels || !oldLevels);
    }

    /** Pages of a dictionary's indices are smaller than the numbers they stand for, so numbers are counted. */
    private static long decodedBytes(ColumnChunkMetaData chunk) {
        int width = switch (chunk.getPrimitiveType().getPrimitiveTypeName()) {
            case DOUBLE, INT64 -> Long.BYTES;
            case FLOAT, INT32 -> Integer.BYTES;
            default -> 1;
        };
        return Math.max(chunk.getTotalUncompressedSize(), chunk.getValueCount() * width);
    }
}
