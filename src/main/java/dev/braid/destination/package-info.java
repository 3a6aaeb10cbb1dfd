/**
 * What becomes of the files of a run, and of the table that is already there. Read {@link
 * dev.braid.destination.Destination} first, which lists the steps; then {@link dev.braid.destination.NewTable}, {@link
 * dev.braid.destination.PartitionRun} and {@link dev.braid.destination.TableUpdate}, its three kinds. {@link
 * dev.braid.destination.OutputTable} also writes the rows to a table of Spark's catalog, and {@link
 * dev.braid.destination.TableAudit} checks a published table. The room {@code publish} puts the files in place.
 *
 * <p>May import {@code rows}, {@code tables}, {@code decode}, {@code task}, {@code spark}, {@code checkpoint}, {@code parquet},
 * {@code failure}, {@code publish} and {@code storage}.
 */
package dev.braid.destination;
