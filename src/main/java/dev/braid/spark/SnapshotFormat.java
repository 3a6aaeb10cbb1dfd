package dev.braid.spark;

import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

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
    };

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

    private static Optional<Snapshot> first(Dataset<Row> found) {
        return found.collectAsList().stream()
                .findFirst()
                .map(row -> new Snapshot(row.getString(0), Instant.ofEpochMilli(row.getLong(1))));
    }
}
