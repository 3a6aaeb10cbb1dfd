/**
 * One Parquet file, written row by row. Start at {@link dev.braid.parquet.ParquetRows}. Columns of vectors are built as pages
 * here ({@link dev.braid.parquet.FloatLists}, {@link dev.braid.parquet.Binaries}): parquet-java's record interface takes a
 * call and two levels for every number, which costs several times as much as the number itself. All other columns are
 * written by Spark's own Parquet support ({@link dev.braid.parquet.SparkColumns}). Imports no other room.
 */
package dev.braid.parquet;
