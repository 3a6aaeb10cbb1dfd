package dev.braid.tables;

import dev.braid.storage.Footers;
import org.apache.parquet.hadoop.ParquetOutputFormat;
import org.apache.spark.SparkConf;

/**
 * The size of feature tables, and the memory that a task needs to fuse them. Sizes in bytes.
 *
 * @param rows of the longest table, or of the pairs
 * @param groups row groups of all tables; a row group is read by one task
 * @param bytes of all files
 * @param largestRow decoded bytes per row: the mean of the row group with the largest rows
 * @param largestGroup stored bytes of the largest row group
 * @param largestPages bytes of a decompressed page of each column
 * @param batchBytes what the reader decodes at once
 * @param writtenGroup the memory of a row group of the output
 * @param joined whether rows are shuffled and sorted
 * @param memoryFraction the share of the heap that sorting may fill
 * @param shuffleBytes what a task fetches at once
 */
public record TableLoad(
        long rows,
        long groups,
        long bytes,
        long largestRow,
        long largestGroup,
        long largestPages,
        long batchBytes,
        long writtenGroup,
        boolean joined,
        double memoryFraction,
        long shuffleBytes) {
    /** Spark's default. */
    private static final double MEMORY_FRACTION = 0.6;

    /**
     * The load of opened tables.
     *
     * @param rows to fuse
     * @param fused the approximate size of the output
     */
    public static TableLoad of(SparkSettings settings, long rows, SourceTables tables, long fused) {
        SparkConf conf = settings.session().sparkContext().getConf();
        Footers.Rows all = tables.rows();
        long written = WriterSettings.of(settings.session()).getLong(ParquetOutputFormat.BLOCK_SIZE, 0);
        return new TableLoad(
                rows,
                all.groups(),
                tables.bytes(),
                all.largestRow(),
                all.largestGroup(),
                all.largestPages(),
                settings.batchRows() * all.largestRow(),
                Math.min(written, fused),
                tables.all().size() > 1,
                conf.getDouble("spark.memory.fraction", MEMORY_FRACTION),
                conf.getSizeAsMb("spark.reducer.maxSizeInFlight", "48m") << 20);
    }
}
