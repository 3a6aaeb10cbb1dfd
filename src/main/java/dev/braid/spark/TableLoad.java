package dev.braid.spark;

import java.util.List;
import org.apache.parquet.hadoop.ParquetOutputFormat;
import org.apache.spark.SparkConf;

/**
 * How much feature tables hold, and what a task that fuses them takes of memory. Sizes in bytes.
 *
 * @param rows of the longest table, or the pairs
 * @param groups row groups of all tables; one task reads each
 * @param bytes of all files
 * @param largestRow decoded, the mean of the row group with the largest rows
 * @param largestGroup the largest row group as it is stored
 * @param batchBytes what the reader decodes at once
 * @param writtenGroup what a row group of the output takes
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
        long batchBytes,
        long writtenGroup,
        boolean joined,
        double memoryFraction,
        long shuffleBytes) {
    /** Spark's default. */
    private static final double MEMORY_FRACTION = 0.6;

    /**
     * Of opened tables.
     *
     * @param rows to fuse
     * @param all what their footers say together
     * @param fused the size of the output, about
     */
    static TableLoad of(SparkSettings settings, long rows, Footers.Rows all, List<SourceTable> tables, long fused) {
        SparkConf conf = settings.session().sparkContext().getConf();
        long written = SparkSettings.writing(settings.session()).getLong(ParquetOutputFormat.BLOCK_SIZE, 0);
        return new TableLoad(
                rows,
                all.groups(),
                FeatureTables.files(tables).stream()
                        .distinct()
                        .mapToLong(InputFile::bytes)
                        .sum(),
                all.largestRow(),
                all.largestGroup(),
                settings.batchRows() * all.largestRow(),
                Math.min(written, fused),
                tables.size() > 1,
                conf.getDouble("spark.memory.fraction", MEMORY_FRACTION),
                conf.getSizeAsMb("spark.reducer.maxSizeInFlight", "48m") << 20);
    }
}
