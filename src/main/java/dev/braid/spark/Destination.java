package dev.braid.spark;

import dev.braid.InputException;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/**
 * What becomes of the files of a run: a {@link NewTable}, {@link PartitionRun partitions of a table}, or a {@link TableUpdate}. A
 * run takes these steps in this order. Driver only.
 */
public interface Destination {
    /**
     * Takes the output's place, as {@link FusedTable} says.
     *
     * @return empty if there is nothing to do
     */
    Optional<RunDirectory> begin(FusedTable output) throws IOException;

    /**
     * The tables to read, of which rows may be published already.
     *
     * @param input all that the run is given
     * @throws InputException if the rows that are published do not fit
     */
    default FeatureTables tables(FeatureTables input, RunDirectory run) {
        return input;
    }

    /** Whether the keys tell that there is nothing to do. */
    default boolean isDone(AuditedKeys keys, RunDirectory run) {
        return false;
    }

    /**
     * Looks at the columns before anything is fused.
     *
     * @throws InputException if what is published has others
     */
    default void check(PairedTable paired, RunDirectory run) {}

    /**
     * All files of the table.
     *
     * @param written by the run
     * @param tables that it has read
     * @throws InputException if what is published is damaged
     * @throws OutputExistsException if it must not be replaced
     */
    default List<Shard> files(List<Shard> written, FeatureTables tables, AuditedKeys keys, RunDirectory run)
            throws IOException {
        return written;
    }

    /** What the manifest says of an update; null if it is none. */
    default Manifest.Update update(AuditedKeys keys, RunDirectory run) {
        return null;
    }

    /** How many rows there must be in the table, with those that are set aside. */
    default long rows(AuditedKeys keys, Manifest table, RunDirectory run) {
        return keys.rows();
    }
}
