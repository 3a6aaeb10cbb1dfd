/**
 * The tables that a run reads, as they are stored: Parquet files, or tables of Spark's catalog. Read {@link
 * dev.braid.tables.SourceTable} first, an opened table; then {@link dev.braid.tables.SourceTables}, which opens the tables of a
 * run and tells whether they have changed since; then {@link dev.braid.tables.SparkSettings}, the settings of the session that
 * reads them ({@link dev.braid.tables.WriterSettings} are those for the output).
 *
 * <p>Opening a table finds its files ({@code TableFiles}), reads their footers, and checks that they agree on the columns
 * ({@code TableSchema}). It reads no row. Also here, because later rooms need them: {@link dev.braid.tables.PairedColumns}, the
 * names of a paired table's columns; {@link dev.braid.tables.JobDescription}, what Spark's UI calls a job; and {@link
 * dev.braid.tables.TableLoad}, the sizes from which memory is planned. May import {@code rows}, {@code checkpoint}, {@code
 * batch}, {@code failure}, {@code publish} and {@code storage}.
 */
package dev.braid.tables;
