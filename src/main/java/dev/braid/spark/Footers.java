package dev.braid.spark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.metadata.BlockMetaData;
import org.apache.parquet.hadoop.metadata.ColumnChunkMetaData;
import org.apache.parquet.hadoop.util.HadoopInputFile;

/** What the footers of Parquet files say about their rows. */
final class Footers {
    private Footers() {}

    /** The rows in all part files of a directory that Spark wrote. */
    static long rows(Path directory, Configuration hadoop) throws IOException {
        FileSystem files = directory.getFileSystem(hadoop);
        FileStatus[] parts = files.listStatus(directory, path -> path.getName().startsWith("part-"));
        return rows(Arrays.stream(parts).map(FileStatus::getPath), hadoop);
    }

    /** The rows in all these files. */
    static long rows(Stream<Path> files, Configuration hadoop) throws IOException {
        try {
            return files.parallel().mapToLong(file -> fileRows(file, hadoop)).sum();
        } catch (UncheckedIOException failure) {
            throw failure.getCause();
        }
    }

    private static long fileRows(Path file, Configuration hadoop) {
        try (ParquetFileReader reader = ParquetFileReader.open(HadoopInputFile.fromPath(file, hadoop))) {
            return reader.getRecordCount();
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    /**
     * The mean size of one row of a file, decoded, over the given top-level columns; 0 if the file has no row. Pages of a
     * dictionary's indices are smaller than the numbers they stand for, so numbers are counted.
     */
    static long rowBytes(Path file, Set<String> columns, Configuration hadoop) throws IOException {
        try (ParquetFileReader reader = ParquetFileReader.open(HadoopInputFile.fromPath(file, hadoop))) {
            long bytes = 0;
            for (BlockMetaData block : reader.getFooter().getBlocks()) {
                for (ColumnChunkMetaData chunk : block.getColumns()) {
                    if (columns.contains(chunk.getPath().toArray()[0])) {
                        bytes += Math.max(chunk.getTotalUncompressedSize(), chunk.getValueCount() * width(chunk));
                    }
                }
            }
            return reader.getRecordCount() == 0 ? 0 : bytes / reader.getRecordCount();
        }
    }

    private static int width(ColumnChunkMetaData chunk) {
        return switch (chunk.getPrimitiveType().getPrimitiveTypeName()) {
            case DOUBLE, INT64 -> Long.BYTES;
            case FLOAT, INT32 -> Integer.BYTES;
            default -> 1;
        };
    }
}
