package dev.braid.publish;

import dev.braid.storage.Footers;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** Tables whose files Spark writes, for tests of what is around them. */
public final class Written {
    private Written() {}

    /** A run that writes these rows. */
    public static void write(FusedTable table, Dataset<Row> rows, long expected) {
        write(table, "identity", rows, expected);
    }

    public static void write(FusedTable table, String identity, Dataset<Row> rows, long expected) {
        try (RunDirectory run = table.begin(identity, published -> false).orElseThrow()) {
            table.write(run, files(run, identity, rows), written -> expected, () -> {});
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    public static FusedTable.Writing files(RunDirectory run, String identity, Dataset<Row> rows) {
        return directory -> {
            rows.write().mode("append").parquet(directory);
            return manifest(run.id(), identity, shards(new Path(directory)));
        };
    }

    /** A record for each file of a directory. */
    public static List<Shard> shards(Path directory) throws IOException {
        Configuration hadoop = new Configuration();
        List<Shard> shards = new ArrayList<>();
        for (FileStatus file : TableDirectory.entries(directory, directory.getFileSystem(hadoop))
                .values()) {
            String name = file.getPath().getName();
            if (!name.startsWith("part-")) {
                continue;
            }
            long rows = Footers.read(List.of(file), any -> true, hadoop).rows().rows();
            shards.add(new Shard("plan", List.of(shards.size()), name, rows, 0, 0, null, "0", null, Map.of()));
        }
        return shards;
    }

    /** The manifest of what tasks wrote. */
    public static Manifest manifest(String run, String identity, List<Shard> files) {
        return manifest(run, identity, new Manifest.Model("m", ""), Map.of(), files, null);
    }

    /** The same of a table with partitions of other runs. */
    public static Manifest manifest(
            String run,
            String identity,
            Manifest.Model model,
            Map<String, String> options,
            List<Shard> files,
            List<Manifest.Run> earlier) {
        long rows = files.stream().mapToLong(Shard::rows).sum();
        String fingerprint = Shard.fingerprint(files);
        Map<String, Long> quarantined = Shard.quarantined(files);
        return manifest(run, identity, model, options, rows, quarantined, fingerprint, files, earlier);
    }

    public static Manifest manifest(String run, String identity, long rows, List<Shard> files) {
        Manifest.Model model = new Manifest.Model("m", "");
        return manifest(run, identity, model, Map.of(), rows, Map.of(), "0", files, null);
    }

    private static Manifest manifest(
            String run,
            String identity,
            Manifest.Model model,
            Map<String, String> options,
            long rows,
            Map<String, Long> quarantined,
            String fingerprint,
            List<Shard> files,
            List<Manifest.Run> earlier) {
        return new Manifest(
                1,
                run,
                identity,
                Map.of(),
                "",
                "",
                List.of(),
                model,
                options,
                "",
                rows,
                0,
                0,
                null,
                quarantined,
                null,
                fingerprint,
                0,
                files,
                null,
                null,
                earlier,
                null);
    }
}
