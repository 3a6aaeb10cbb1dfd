package dev.braid.destination;

import dev.braid.InputException;
import dev.braid.publish.FusedTable;
import dev.braid.publish.Manifest;
import dev.braid.publish.OutputExistsException;
import dev.braid.publish.RunDirectory;
import dev.braid.publish.Shard;
import dev.braid.spark.AuditedKeys;
import dev.braid.spark.FeatureTables;
import dev.braid.spark.PairedTable;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * What happens to the files of a run: they become a {@link NewTable}, replace {@link PartitionRun partitions of a table}, or
 * are part of a {@link TableUpdate}. A run calls these methods in this order. Driver only.
 */
public interface Destination {
    /**
     * Reserves the output, as {@link FusedTable} describes.
     *
     * @return empty if there is nothing to do
     */
    Optional<RunDirectory> begin(FusedTable output) throws IOException;

    /**
     * The tables to read. Rows that are already published may be left out.
     *
     * @param input all tables that the run is given
     * @throws InputException if the published rows do not fit the input
     */
    default FeatureTables tables(FeatureTables input, RunDirectory run) {
        return input;
    }

    /** Whether the keys show that there is nothing to do. */
    default boolean isDone(AuditedKeys keys, RunDirectory run) {
        return false;
    }

    /**
     * Checks the columns before anything is fused.
     *
     * @throws InputException if the published table has other columns
     */
    default void check(PairedTable paired, RunDirectory run) {}

    /**
     * All files of the table.
     *
     * @param written the files that the run wrote
     * @param tables the tables that it read
     * @throws InputException if a published file is damaged
     * @throws OutputExistsException if the published table must not be replaced
     */
    default List<Shard> files(List<Shard> written, FeatureTables tables, AuditedKeys keys, RunDirectory run)
            throws IOException {
        return written;
    }

    /** The manifest's entry about an update; null if the run is not an update. */
    default Manifest.Update update(AuditedKeys keys, RunDirectory run) {
        return null;
    }

    /** The number of rows that the table must have, including those that are set aside. */
    default long rows(AuditedKeys keys, Manifest table, RunDirectory run) {
        return keys.rows();
    }
}
