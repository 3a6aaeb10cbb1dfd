package dev.braid.spark;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** Tables whose files Spark writes, for tests of what is around them. */
final class Written {
    private Written() {}

    /** A run that writes these rows. */
    static void write(FusedTable table, Dataset<Row> rows, long expected) {
        write(table, "identity", rows, expected);
    }

    static void write(FusedTable table, String identity, Dataset<Row> rows, long expected) {
        try (RunDirectory run = table.begin(identity).orElseThrow()) {
            table.write(run, files(run, identity, rows), expected);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    static FusedTable.Writing files(RunDirectory run, String identity, Dataset<Row> rows) {
        return directory -> {
            rows.write().mode("append").parquet(directory);
            return manifest(run.id(), identity, Footers.rows(new Path(directory), new Configuration()));
        };
    }

    static Manifest manifest(String run, String identity, long rows) {
        return manifest(run, identity, rows, List.of());
    }

    static Manifest manifest(String run, String identity, long rows, List<Shard> files) {
        return new Manifest(
                1,
                run,
                identity,
                Map.of(),
                "",
                "",
                List.of(),
                new Manifest.Model("m", ""),
                Map.of(),
                "",
                rows,
                0,
                0,
                Map.of(),
                "0",
                0,
                files,
                null);
    }
}
