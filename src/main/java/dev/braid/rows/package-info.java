/**
 * Rows in the forms in which Spark holds them, from its file readers to its file writer. This is the only room that uses
 * Spark's internal classes; the others name at most the types of its rows. Read {@link dev.braid.rows.StoredRow} first, a row
 * as the other rooms see it; then {@link dev.braid.rows.SparkRows}, which reads the rows of a table; then {@link
 * dev.braid.rows.RowWriter}, which builds the rows of the output.
 *
 * <p>Three classes are no rows, but need Spark's internals too: {@link dev.braid.rows.FileColumns}, the columns of a Parquet
 * file as Spark reads them; {@link dev.braid.rows.SparkColumns}, the same as Spark writes them; and {@link
 * dev.braid.rows.TableName}, the name of a table as Spark parses it. A new version of Spark can break the classes of this
 * room and no others; {@code .ci/every-spark} runs them with every supported version. May import {@code batch} and {@code
 * storage}.
 */
package dev.braid.rows;
