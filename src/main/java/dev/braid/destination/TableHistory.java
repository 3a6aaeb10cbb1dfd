package dev.braid.destination;

import dev.braid.publish.Manifest;
import dev.braid.publish.OutputExistsException;
import dev.braid.tables.SnapshotFormat;
import java.util.List;
import java.util.Optional;

/**
 * What runs have left in the history of a table. It tells whether a run has written its rows, but not what other programs did
 * to them later.
 *
 * @param table as messages call it
 * @param marks as {@link SnapshotFormat#marks} orders them
 */
record TableHistory(String table, List<SnapshotFormat.Mark> marks) {
    /**
     * The snapshot in which a run has written its rows; empty if it has not.
     *
     * @param location where the table is stored
     * @throws OutputExistsException if the rows were written and are lost, were written in another mode, or were appended
     *     twice
     */
    Optional<String> written(Manifest manifest, String location, OutputTable.Mode mode) {
        Optional<String> lost = lost(manifest, location);
        if (lost.isPresent()) {
            throw new OutputExistsException("Cannot tell whether table '" + table + "' has these rows: expected run '"
                    + manifest.run() + "' in its history, got " + lost.get()
                    + "; pass '--overwrite' to fuse and write them again");
        }
        List<SnapshotFormat.Mark> own =
                own(manifest).stream().filter(SnapshotFormat.Mark::isThere).toList();
        for (SnapshotFormat.Mark mark : own) {
            if (!mark.mode().equals(mode.configName())) {
                throw new OutputExistsException("Cannot write table '" + table + "': expected '--table-mode "
                        + mark.mode() + "', the mode that wrote these rows (snapshot '" + mark.snapshot() + "'), got '"
                        + mode.configName() + "'; pass that mode, or another '--output'");
            }
        }
        if (mode == OutputTable.Mode.APPEND && own.size() > 1) {
            throw new OutputExistsException("Cannot vouch for table '" + table + "': expected run '" + manifest.run()
                    + "' once in its history, got snapshots '" + own.get(0).snapshot() + "' and '"
                    + own.get(1).snapshot() + "' of two drivers; delete the rows of one of them");
        }
        return own.stream().findFirst().map(SnapshotFormat.Mark::snapshot);
    }

    /**
     * What happened to rows that were written and may no longer be in the table; empty if they are there, or were never
     * written.
     */
    Optional<String> lost(Manifest manifest, String location) {
        List<SnapshotFormat.Mark> own = own(manifest);
        if (own.isEmpty()) {
            return manifest.committed(location)
                    .map(noted -> "none (snapshot '" + noted.snapshot() + "' has expired, or was rolled back)");
        }
        SnapshotFormat.Mark last = own.get(0);
        if (!last.isThere()) {
            return Optional.of("snapshot '" + last.snapshot() + "', which was rolled back or is of another branch");
        }
        return marks.subList(0, marks.indexOf(last)).stream()
                .filter(later -> later.isThere() && later.mode().equals(OutputTable.Mode.REPLACE.configName()))
                .findFirst()
                .map(later -> "that of run '" + later.run() + "', which replaced all rows later (snapshot '"
                        + later.snapshot() + "')");
    }

    /** The marks of the run: first those in the table's current state, the latest of these first. */
    private List<SnapshotFormat.Mark> own(Manifest manifest) {
        return marks.stream()
                .filter(mark -> mark.run().equals(manifest.run()))
                .sorted((one, other) -> Boolean.compare(other.isThere(), one.isThere())) // stable
                .toList();
    }
}
