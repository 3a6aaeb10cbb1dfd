/**
 * A directory of files that appears as a whole or not at all, even if runs are killed or write at the same time. Start at the
 * methods {@code begin} and {@code write} of {@link dev.braid.publish.FusedTable}; then read {@link
 * dev.braid.publish.RunDirectory}, in which a run writes its files, and {@code Publisher}, which puts them in place. {@link
 * dev.braid.publish.Manifest} describes a table and what it was made from. Knows Hadoop's file systems and not Spark. May import
 * {@code storage} and {@code failure}.
 */
package dev.braid.publish;
