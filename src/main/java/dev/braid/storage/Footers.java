package dev.braid.storage;

import dev.braid.InputException;
import dev.braid.failure.SparkFailure;
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

/** What the footers of Parquet files say. Many are read at the same time, as the caller's Hadoop user. Driver only. */
public final class Footers {
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

    /** The size of pages that writers aim at. */
    private static final long PAGE_BYTES = 1L << 20;

    /** After how many values of a page parquet-java looks at its size ({@code parquet.page.size.row.check.min}). */
    private static final int CHECKED_BY_PARQUET_JAVA = 100;

    /** The same of Arrow's writers in C++ and Rust ({@code write_batch_size}). */
    private static final int CHECKED_BY_OTHERS = 1024;

    /** The key of Spark's own schema in a footer. */
    private static final String SPARK_SCHEMA = "org.apache.spark.sql.parquet.row.metadata";

    private Footers() {}

    /**
     * The columns of a file.
     *
     * @param note Spark's own schema, if Spark or a compatible writer wrote the file; otherwise null
     */
    public record Schema(MessageType type, String note) {}

    /**
     * What is kept of a file's footer. Files with the same columns share one schema, so the footers of 100,000 files take
     * little memory.
     *
     * @param schema of the needed columns
     * @param page the offset of the first data page of a needed column, in bytes; -1 if there is none
     */
    public record Footer(Rows rows, Schema schema, long page) {}

    /**
     * The footers of a table's files.
     *
     * @param footers in the order of the files
     * @param first the schema of the first file, with all columns
     */
    public record All(List<Footer> footers, Schema first) {
        public Rows rows() {
            return footers.stream().map(Footer::rows).reduce(Rows.NONE, Rows::and);
        }
    }

    /**
     * What the footers say about the rows.
     *
     * @param rows in all files
     * @param groups row groups that have rows; a task reads one or more
     * @param largestRow decoded bytes per row: the mean of the row group with the largest rows; 0 if there are no rows
     * @param largestGroup stored bytes of the largest row group, counting the needed columns only
     * @param largestPages bytes of a page of each of these columns, decompressed, in the row group with the largest pages
     * @param vectorized whether Spark's vectorized reader decodes every column
     */
    public record Rows(
            long rows, long groups, long largestRow, long largestGroup, long largestPages, boolean vectorized) {
        public static final Rows NONE = new Rows(0, 0, 0, 0, 0, true);

        /** The same with another number of rows, for a table whose files also hold deleted rows. */
        public Rows counting(long counted) {
            return new Rows(counted, groups, largestRow, largestGroup, largestPages, vectorized);
        }

        public Rows and(Rows other) {
            return new Rows(
                    rows + other.rows,
                    groups + other.groups,
                    Math.max(largestRow, other.largestRow),
                    Math.max(largestGroup, other.largestGroup),
                    Math.max(largestPages, other.largestPages),
                    vectorized && other.vectorized);
        }
    }

    /**
     * Reads every footer once.
     *
     * @param files one or more
     * @param needed selects the columns whose size, encodings and types are kept
     * @throws InputException if a footer is damaged
     */
    public static All read(List<FileStatus> files, Predicate<String> needed, Configuration hadoop) throws IOException {
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
        // Without explicit options, parquet-java parses Hadoop's default settings again for each file.
        try (ParquetFileReader reader = ParquetFileReader.open(
                HadoopInputFile.fromStatus(file, hadoop),
                HadoopReadOptions.builder(hadoop, file.getPath()).build())) {
            return call.of(reader);
        } catch (EOFException | RuntimeException damaged) {
            throw damaged(file, damaged);
        } catch (IOException failure) {
            // Thrift's wording for damaged bytes; any other failure may pass on a second try.
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
        // Spark 3.5's Parquet library throws this for a type that it does not know.
        String reason = failure instanceof NullPointerException
                ? "a footer that is damaged, or has a column of a type that this Spark does not know (half floats need"
                        + " Spark 4.0)"
                : SparkFailure.firstLine(failure);
        return new InputException(
                "expected Parquet files, got '" + file.getPath() + "' (" + file.getLen() + " bytes): " + reason
                        + (name.endsWith(".parquet")
                                ? ""
                                : "; if it is not a Parquet file, move it or pass a pattern that matches the others"),
                failure);
    }

    private static Rows rows(ParquetFileReader reader, Predicate<String> needed) {
        long rows = 0;
        long groups = 0;
        long largest = 0;
        long largestGroup = 0;
        long largestPages = 0;
        boolean vectorized = true;
        String writer = String.valueOf(reader.getFileMetaData().getCreatedBy());
        int checked = writer.startsWith("parquet-mr") ? CHECKED_BY_PARQUET_JAVA : CHECKED_BY_OTHERS;
        MessageType type = reader.getFileMetaData().getSchema();
        for (BlockMetaData block : reader.getFooter().getBlocks()) {
            long bytes = 0;
            long stored = 0;
            long pages = 0;
            for (ColumnChunkMetaData chunk : block.getColumns()) {
                if (needed.test(chunk.getPath().toArray()[0])) {
                    bytes += decodedBytes(chunk);
                    stored += chunk.getTotalSize();
                    pages += pageBytes(chunk, checked);
                    vectorized &= isVectorized(chunk, type);
                }
            }
            rows += block.getRowCount();
            groups += block.getRowCount() == 0 ? 0 : 1;
            largest = Math.max(largest, block.getRowCount() == 0 ? 0 : bytes / block.getRowCount());
            largestGroup = Math.max(largestGroup, stored);
            largestPages = Math.max(largestPages, pages);
        }
        return new Rows(rows, groups, largest, largestGroup, largestPages, vectorized);
    }

    /**
     * The bytes of a decompressed page. A column of large binary values has large pages.
     *
     * @param checked after how many values the writer looks at the size of a page
     */
    private static long pageBytes(ColumnChunkMetaData chunk, int checked) {
        long value = chunk.getTotalUncompressedSize() / Math.max(1, chunk.getValueCount());
        return Math.min(chunk.getTotalUncompressedSize(), Math.max(PAGE_BYTES, checked * value));
    }

    /** The deprecated BIT_PACKED encodes levels and no values, so Spark decodes such a column if it has no levels. */
    private static boolean isVectorized(ColumnChunkMetaData chunk, MessageType type) {
        Set<String> encodings = chunk.getEncodings().stream().map(Enum::name).collect(Collectors.toSet());
        boolean oldLevels = encodings.contains("BIT_PACKED") && !encodings.contains("RLE");
        boolean noLevels = type.getMaxDefinitionLevel(chunk.getPath().toArray()) == 0;
        return VECTORIZED.containsAll(encodings) && (noLevels || !oldLevels);
    }

    /** Counts numbers at their full width, because the pages of a dictionary's indices are smaller than the decoded numbers. */
    private static long decodedBytes(ColumnChunkMetaData chunk) {
        int width = switch (chunk.getPrimitiveType().getPrimitiveTypeName()) {
            case DOUBLE, INT64 -> Long.BYTES;
            case FLOAT, INT32 -> Integer.BYTES;
            default -> 1;
        };
        return Math.max(chunk.getTotalUncompressedSize(), chunk.getValueCount() * width);
    }
}
