/**
 * One Parquet file, written row by row. Start at {@link dev.braid.parquet.ParquetRows}. This room builds the pages of
 * vector columns itself ({@link dev.braid.parquet.FloatLists}, {@link dev.braid.parquet.Binaries}): parquet-java's record
 * interface needs a call and two levels per number, which costs several times as much as writing the number. Spark's own
 * Parquet support writes all other columns ({@link dev.braid.rows.SparkColumns}). May import {@code rows}, for these.
 */
package dev.braid.parquet;
