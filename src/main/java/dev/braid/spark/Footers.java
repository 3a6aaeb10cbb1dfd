package dev.braid.spark;

import dev.braid.InputException;
import java.io.EOFException;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.parquet.HadoopReadOptions;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.metadata.BlockMetaData;
import org.apache.parquet.hadoop.metadata.ColumnChunkMetaData;
import org.apache.parquet.hadoop.metadata.FileMetaData;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.Type;

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

    /** Under which Spark notes its own schema. */
    private static final String SPARK_SCHEMA = "org.apache.spark.sql.parquet.row.metadata";

    private Footers() {}

    /**
     * The columns of a file.
     *
     * @param note Spark's own schema, where Spark or one of its like wrote the file; else null
     */
    record Schema(MessageType type, String note) {}

    /**
     * What is kept of a file's footer: files of the same columns share one schema, so that 100,000 files take little
     * memory.
     *
     * @param schema of the needed columns
     * @param page where the first data page of a needed column is in the file, in bytes; -1 if there is none
     */
    record Footer(Rows rows, Schema schema, long page) {}

    /**
     * The footers of a table's files.
     *
     * @param footers in the order of the files
     * @param first the schema of the first file, with every column
     */
    record All(List<Footer> footers, Schema first) {
        Rows rows() {
            return footers.stream().map(Footer::rows).reduce(Rows.NONE, Rows::and);
        }
    }

    /**
     * What files say of their rows.
     *
     * @param rows in all files
     * @param groups row groups with rows; a task reads one or more
     * @param largestRow bytes of a row, decoded: the mean of the row group with the largest rows; 0 without rows
     * @param largestGroup bytes of the largest row group as it is stored, in the needed columns alone
     * @param vectorized whether Spark's vectorized reader decodes every column
     */
    record Rows(long rows, long groups, long largestRow, long largestGroup, boolean vectorized) {
        static final Rows NONE = new Rows(0, 0, 0, 0, true);

        /** The same where a table has fewer rows than its files. */
        Rows counting(long counted) {
            return new Rows(counted, groups, largestRow, largestGroup, vectorized);
        }

        Rows and(Rows other) {
            return new Rows(
                    rows + other.rows,
                    groups + other.groups,
                    Math.max(largestRow, other.largestRow),
                    Math.max(largestGroup, other.largestGroup),
                    vectorized && other.vectorized);
        }
    }

    /**
     * Reads every footer once.
     *
     * @param files one or more
     * @param needed decides on the columns whose size, encodings and types are kept
     * @throws InputException if one is damaged
     */
    static All read(List<FileStatus> files, Predicate<String> needed, Configuration hadoop) throws IOException {
        Map<Schema, Schema> shared = new ConcurrentHashMap<>();
        AtomicReference<Schema> first = new AtomicReference<>();
        List<Footer> footers = StorageCalls.all(
                files,
                file -> read(file, hadoop, reader -> {
                    if (file.equals(files.get(0))) {
                        first.set(schema(reader, name -> true));
                    }
                    Schema schema = schema(reader, needed);
                    Schema known = shared.putIfAbsent(schema, schema);
                    return new Footer(rows(reader, needed), known == null ? schema : known, page(reader, needed));
                }));
        return new All(footers, first.get());
    }

    private static Schema schema(ParquetFileReader reader, Predicate<String> needed) {
        FileMetaData file = reader.getFileMetaData();
        List<Type> columns = file.getSchema().getFields().stream()
                .filter(column -> needed.test(column.getName()))
                .toList();
        return new Schema(
                new MessageType("spark_schema", columns),
                file.getKeyValueMetaData().get(SPARK_SCHEMA));
    }

    private static long page(ParquetFileReader reader, Predicate<String> needed) {
        return reader.getFooter().getBlocks().stream()
                .filter(block -> block.getRowCount() > 0)
                .flatMap(block -> block.getColumns().stream())
                .filter(chunk -> needed.test(chunk.getPath().toArray()[0]))
                .mapToLong(ColumnChunkMetaData::getFirstDataPageOffset)
                .findFirst()
                .orElse(-1);
    }

    /** @throws InputException if the footer is damaged */
    private static <T> T read(FileStatus file, Configuration hadoop, StorageCalls.Call<ParquetFileReader, T> call)
            throws IOException {
        // Without options of its own, parquet-java parses Hadoop's default settings anew for each file.
        try (ParquetFileReader reader = ParquetFileReader.open(
                HadoopInputFile.fromStatus(file, hadoop),
                HadoopReadOptions.builder(hadoop, file.getPath()).build())) {
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
        String name = file.getPath().getName();
        if (name.contains(":") && String.valueOf(failure.getMessage()).contains("URISyntaxException")) {
            return new InputException(
                    "expected files that Hadoop's local file system can open, got a name with a colon, '"
                            + file.getPath() + "'; rename it",
                    failure);
        }
        // The library of Spark 3.5 stumbles over types that it does not know.
        String reason = failure instanceof NullPointerException
                ? "a footer that is damaged, or has a column of a type that this Spark does not know (half floats need"
                        + " Spark 4.0)"
                : SparkFailure.firstLine(failure);
        return new InputException(
                "expected Parquet files, got '" + file.getPath() + "' (" + file.getLen() + " bytes): " + reason
                        + (name.endsWith(".parquet") ? "" : "; if it is none, move it or pass a pattern of the others"),
                failure);
    }

    private static Rows rows(ParquetFileReader reader, Predicate<String> needed) {
        long rows = 0;
        long groups = 0;
        long largest = 0;
        long largestGroup = 0;
        boolean vectorized = true;
        MessageType type = reader.getFileMetaData().getSchema();
        for (BlockMetaData block : reader.getFooter().getBlocks()) {
            long bytes = 0;
            long stored = 0;
            for (ColumnChunkMetaData chunk : block.getColumns()) {
                if (needed.test(chunk.getPath().toArray()[0])) {
                    bytes += decodedBytes(chunk);
                    stored += chunk.getTotalSize();
                    vectorized &= isVectorized(chunk, type);
                }
            }
            rows += block.getRowCount();
            groups += block.getRowCount() == 0 ? 0 : 1;
            largest = Math.max(largest, block.getRowCount() == 0 ? 0 : bytes / block.getRowCount());
            largestGroup = Math.max(largestGroup, stored);
        }
        return new Rows(rows, groups, largest, largestGroup, vectorized);
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
