/**
 * Rows in the forms in which Spark holds them, from its file readers to its file writer. This is the only room that uses
 * Spark's internal classes; the other rooms use no more than {@code InternalRow}, {@code ArrayData} and {@code
 * SpecializedGetters}. Read {@link dev.braid.rows.StoredRow} first, a row as the other rooms see it; then {@link
 * dev.braid.rows.SparkRows}, which reads the rows of a table; then {@link dev.braid.rows.RowWriter}, which builds the rows of
 * the output.
 *
 * <p>Some classes are not about rows, but need Spark's internals too: {@link dev.braid.rows.FileColumns}, the columns of a
 * Parquet file as Spark reads them; {@link dev.braid.rows.StoredTypes}, the types that it reads as other types; {@link
 * dev.braid.rows.SparkColumns}, the columns as it writes them; and {@link dev.braid.rows.TableName}, the name of a table as it
 * parses it. {@code .ci/every-spark} runs this room with every supported version. May import {@code batch} and {@code
 * storage}.
 */
package dev.braid.rows;
