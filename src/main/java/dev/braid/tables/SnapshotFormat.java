package dev.braid.tables;

import dev.braid.rows.TableName;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Formats of tables whose commits are transactions. Each transaction leaves a snapshot that can be read later. Driver only. */
public enum SnapshotFormat {
    DELTA("Delta needs 'spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension' and"
            + " 'spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog'") {
        @Override
        Optional<Snapshot> current(SparkSession session, TableName table) {
            return first(session.sql("DESCRIBE HISTORY " + table.sql() + " LIMIT 1")
                    .selectExpr("string(version)", "unix_millis(timestamp)"));
        }

        @Override
        List<String> files(SparkSession session, TableName table, String snapshot) {
            return List.of(read(session, table, snapshot).inputFiles());
        }

        /** Delta ignores a second transaction of the same application and version. */
        @Override
        public Map<String, String> mark(String run, String mode) {
            String name = MARK + "=" + run;
            return Map.of("userMetadata", name + " " + mode, "txnAppId", name, "txnVersion", "1");
        }

        /** A RESTORE to a version undoes all later ones. A RESTORE to a time is assumed to undo all versions. */
        @Override
        public List<Mark> marks(SparkSession session, TableName table) {
            List<Row> commits = session.sql("DESCRIBE HISTORY " + table.sql())
                    .selectExpr("version", "userMetadata", "operation", "operationParameters['version']")
                    .where("operation = 'RESTORE' OR startswith(userMetadata, '" + MARK + "=')")
                    .orderBy("version")
                    .collectAsList();
            List<Mark> marks = new ArrayList<>();
            long last = Long.MAX_VALUE; // of the versions that are not undone
            for (int c = commits.size() - 1; c >= 0; c--) {
                Row commit = commits.get(c);
                long version = commit.getLong(0);
                boolean isThere = version <= last;
                if (isThere && "RESTORE".equals(commit.getString(2))) {
                    String to = commit.isNullAt(3) ? "" : commit.getString(3);
                    last = to.matches("\\d{1,18}") ? Long.parseLong(to) : -1;
                }
                Matcher mark = DELTA_MARK.matcher(String.valueOf(commit.get(1)));
                if (mark.matches()) {
                    marks.add(new Mark(String.valueOf(version), mark.group(1), mark.group(2), isThere));
                }
            }
            return marks;
        }
    },

    ICEBERG("Iceberg needs 'spark.sql.catalog.NAME=org.apache.iceberg.spark.SparkCatalog'") {
        @Override
        Optional<Snapshot> current(SparkSession session, TableName table) {
            return first(session.sql("SELECT string(s.snapshot_id), unix_millis(s.committed_at) FROM "
                    + table.child("refs").sql() + " r JOIN "
                    + table.child("snapshots").sql() + " s ON r.snapshot_id = s.snapshot_id WHERE r.name = 'main'"));
        }

        @Override
        List<String> files(SparkSession session, TableName table, String snapshot) {
            return read(session, table.child("data_files"), snapshot).select("file_path").collectAsList().stream()
                    .map(row -> row.getString(0))
                    .toList();
        }

        @Override
        public Map<String, String> mark(String run, String mode) {
            return Map.of("snapshot-property." + MARK, run, "snapshot-property." + MODE, mode);
        }

        /** Follows the parents of the current snapshot: the branch's log lacks snapshots that came from another branch. */
        @Override
        public List<Mark> marks(SparkSession session, TableName table) {
            Map<Long, Row> others = new HashMap<>();
            session.table(table.child("snapshots").sql())
                    .selectExpr("snapshot_id", "parent_id", "summary['" + MARK + "']", "summary['" + MODE + "']")
                    .collectAsList()
                    .forEach(snapshot -> others.put(snapshot.getLong(0), snapshot));
            List<Mark> marks = new ArrayList<>();
            Row at = current(session, table)
                    .map(main -> others.remove(Long.valueOf(main.id())))
                    .orElse(null);
            while (at != null) {
                add(at, true, marks);
                at = at.isNullAt(1) ? null : others.remove(at.getLong(1));
            }
            others.values().forEach(snapshot -> add(snapshot, false, marks));
            return marks;
        }

        private void add(Row snapshot, boolean isThere, List<Mark> marks) {
            if (!snapshot.isNullAt(2)) {
                marks.add(new Mark(
                        String.valueOf(snapshot.getLong(0)),
                        snapshot.getString(2),
                        String.valueOf(snapshot.get(3)),
                        isThere));
            }
        }
    };

    /** The key under which a transaction names the run that wrote it. */
    private static final String MARK = "braid.run";

    /** The key under which a transaction of Iceberg names the mode; Delta has one text for both. */
    private static final String MODE = "braid.mode";

    private static final Pattern DELTA_MARK = Pattern.compile(Pattern.quote(MARK + "=") + "(\\S+) (\\S+)");

    private final String settings;

    SnapshotFormat(String settings) {
        this.settings = settings;
    }

    /**
     * A state of a table.
     *
     * @param id as the format names it
     */
    record Snapshot(String id, Instant committed) {}

    /**
     * What a run's transaction has left in a table's history.
     *
     * @param snapshot the snapshot that it made
     * @param mode the mode that {@link #mark} was given
     * @param isThere whether the transaction is part of the table's current state: it was not rolled back, and is not on
     *     another branch
     */
    public record Mark(String snapshot, String run, String mode, boolean isThere) {}

    /** The format with this name in Spark's catalog. */
    static Optional<SnapshotFormat> of(String provider) {
        return List.of(values()).stream()
                .filter(format -> format.name().equals(provider.toUpperCase(Locale.ROOT)))
                .findFirst();
    }

    /** The settings that a session needs for tables of this format, for messages. */
    String settings() {
        return settings;
    }

    /** The current snapshot of a table; empty if nothing was ever committed to it. */
    abstract Optional<Snapshot> current(SparkSession session, TableName table);

    /** The rows of a snapshot, whatever is committed later. */
    static Dataset<Row> read(SparkSession session, TableName table, String snapshot) {
        return session.sql("SELECT * FROM " + table.sql() + " VERSION AS OF " + snapshot);
    }

    /** The paths of a snapshot's data files. */
    abstract List<String> files(SparkSession session, TableName table, String snapshot);

    /**
     * Options for a write, with which {@link #marks} finds its transaction.
     *
     * @param mode what happens to the rows that the table has, in a word
     */
    public abstract Map<String, String> mark(String run, String mode);

    /** The marks of all runs in the table's history. Marks in the current state come in order, the latest first. */
    public abstract List<Mark> marks(SparkSession session, TableName table);

    private static Optional<Snapshot> first(Dataset<Row> found) {
        return found.collectAsList().stream()
                .findFirst()
                .map(row -> new Snapshot(row.getString(0), Instant.ofEpochMilli(row.getLong(1))));
    }
}
