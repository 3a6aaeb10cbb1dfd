package dev.braid.publish;

import dev.braid.InputException;
import java.util.Optional;
import java.util.Set;

/** A run whose files go into an existing table, such as an update ({@link FusedTable#begin(TableChange)}). */
public interface TableChange {
    /**
     * Digest of everything that decides what the run writes.
     *
     * @param published the existing table; empty if there is none, and the run's files become a new one
     */
    String identity(Optional<Manifest> published);

    /**
     * Whether there is nothing to do.
     *
     * @throws InputException if the run's files cannot go into this table
     */
    boolean isDone(Manifest published);

    /**
     * Refuses a table without a manifest if the run would replace files that it must not replace.
     *
     * @param files of the table, by their paths in it
     * @throws OutputExistsException if the run would replace too much
     */
    default void refuseUnknown(Set<String> files) {}
}
