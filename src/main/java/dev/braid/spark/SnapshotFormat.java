package dev.braid.spark;

import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;

/** Formats of tables whose commits are transactions, each of which leaves a snapshot that can be read later. Driver only. */
enum SnapshotFormat {
    DELTA {
        @Override
        Optional<Snapshot> current(SparkSession session, String table) {
            return first(session.sql("DESCRIBE HISTORY " + table + " LIMIT 1")
                    .selectExpr("string(version)", "unix_millis(timestamp)"));
        }

        @Override
        List<String> files(SparkSession session, String table, String snapshot) {
            return List.of(read(session, table, snapshot).inputFiles());
        }

        /** Delta ignores a second transaction of the same application and version. */
        @Override
        Map<String, String> mark(String run) {
            return Map.of("userMetadata", MARK + "=" + run, "txnAppId", MARK + "=" + run, "txnVersion", "1");
        }

        @Override
        Optional<Snapshot> marked(SparkSession session, String table, String run) {
            return first(session.sql("DESCRIBE HISTORY " + table)
                    .where(functions.col("userMetadata").equalTo(MARK + "=" + run))
                    .selectExpr("string(version)", "unix_millis(timestamp)"));
        }
    },

    ICEBERG {
        @Override
        Optional<Snapshot> current(SparkSession session, String table) {
            return first(session.sql("SELECT string(s.snapshot_id), unix_millis(s.committed_at) FROM " + table
                    + ".refs r JOIN " + table + ".snapshots s ON r.snapshot_id = s.snapshot_id WHERE r.name = 'main'"));
        }

        @Override
        List<String> files(SparkSession session, String table, String snapshot) {
            return read(session, table + ".data_files", snapshot).select("file_path").collectAsList().stream()
                    .map(row -> row.getString(0))
                    .toList();
        }

        @Override
        Map<String, String> mark(String run) {
            return Map.of("snapshot-property." + MARK, run);
        }

        @Override
        Optional<Snapshot> marked(SparkSession session, String table, String run) {
            return first(session.sql("SELECT string(s.snapshot_id), unix_millis(s.committed_at) FROM " + table
                    + ".snapshots s JOIN " + table + ".history h ON h.snapshot_id = s.snapshot_id"
                    + " WHERE h.is_current_ancestor AND s.summary['" + MARK + "'] = '" + run + "'"));
        }
    };

    /** Under which a transaction names the run that wrote it. */
    private static final String MARK = "braid.run";

    /**
     * A state of a table.
     *
     * @param id as the format names it
     */
    record Snapshot(String id, Instant committed) {}

    /** The format that Spark's catalog calls so. */
    static Optional<SnapshotFormat> of(String provider) {
        return List.of(values()).stream()
                .filter(format -> format.name().equals(provider.toUpperCase(Locale.ROOT)))
                .findFirst();
    }

    /** The state of a table now; empty if nothing was ever committed to it. */
    abstract Optional<Snapshot> current(SparkSession session, String table);

    /** The rows of a snapshot, whatever is committed later. */
    static Dataset<Row> read(SparkSession session, String table, String snapshot) {
        return session.sql("SELECT * FROM " + table + " VERSION AS OF " + snapshot);
    }

    /** The paths of a snapshot's data files. */
    abstract List<String> files(SparkSession session, String table, String snapshot);

    /** Options of a write whose transaction {@link #marked} finds. */
    abstract Map<String, String> mark(String run);

    /** The snapshot that a run has committed, if the table's history has it. */
    abstract Optional<Snapshot> marked(SparkSession session, String table, String run);

    private static Optional<Snapshot> first(Dataset<Row> found) {
        return found.collectAsList().stream()
                .findFirst()
                .map(row -> new Snapshot(row.getString(0), Instant.ofEpochMilli(row.getLong(1))));
    }
}
