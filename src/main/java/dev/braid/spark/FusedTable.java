package dev.braid.spark;

import dev.braid.InputException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.DataFrameWriter;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SaveMode;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A directory of Parquet files that appears at once and whole, or not at all: written beside its place, under a hidden
 * name, counted, then renamed. Driver only.
 */
public final class FusedTable {
    private static final long ROW_GROUP_BYTES = 64L << 20;

    private static final Logger log = LoggerFactory.getLogger(FusedTable.class);

    private final Path output;
    private final boolean overwrite;
    private final FileSystem files;
    private final Configuration hadoop;

    private FusedTable(Path output, boolean overwrite, FileSystem files, Configuration hadoop) {
        this.output = output;
        this.overwrite = overwrite;
        this.files = files;
        this.hadoop = hadoop;
    }

    /**
     * The place of a fused table, checked before any work is done.
     *
     * @param output a path that does not exist, or may be replaced
     * @param overwrite whether it may be replaced
     * @param inputs the paths of everything that is read, patterns included
     * @throws OutputExistsException if it exists and may not be replaced
     * @throws InputException if it is one of the inputs, holds one or lies in one, or its file system is not known
     */
    public static FusedTable at(String output, boolean overwrite, Collection<String> inputs, Configuration hadoop) {
        try {
            Path path = qualified(new Path(output), hadoop);
            for (String input : inputs) {
                refuseOverlap(path, input, hadoop);
            }
            FusedTable table = new FusedTable(path, overwrite, path.getFileSystem(hadoop), hadoop);
            table.refuseExisting();
            return table;
        } catch (IOException | IllegalArgumentException failure) {
            throw new InputException("Cannot write '" + output + "': " + SparkFailure.firstLine(failure), failure);
        }
    }

    /** Where the table is once it is written. */
    public String path() {
        return output.toString();
    }

    /**
     * Computes, writes, audits and publishes.
     *
     * @param rows how many rows there must be
     * @throws InputException if a row cannot be fused, or nothing can be written beside the path; nothing is published
     *     then, and what was at the path stays
     */
    public void write(Dataset<Row> fused, long rows) {
        Path staging = sibling("staging");
        create(staging);
        try {
            writeParquet(fused, staging);
            long written = Footers.rows(staging, hadoop);
            if (written != rows) {
                throw new IllegalStateException("Cannot publish '" + output + "': expected " + rows
                        + " rows (keys of the input), got " + written + "; did the input change while it was read?");
            }
            publish(staging);
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            delete(staging, failure);
            throw SparkFailure.translate(failure);
        }
    }

    /** Creates the staging directory; should the JVM end early, its shutdown deletes it. */
    private void create(Path staging) {
        String failed = "Cannot write '" + output + "': expected a directory that can be created beside it, got ";
        try {
            if (!files.mkdirs(staging)) {
                throw new InputException(failed + "none");
            }
            files.deleteOnExit(staging);
        } catch (IOException failure) {
            throw new InputException(failed + SparkFailure.firstLine(failure), failure);
        }
    }

    private static void writeParquet(Dataset<Row> fused, Path staging) {
        DataFrameWriter<Row> writer = fused.write()
                .mode(SaveMode.Append) // to the empty directory that is there
                .option("compression", "zstd")
                .option("parquet.block.size", ROW_GROUP_BYTES)
                .option("mapreduce.fileoutputcommitter.algorithm.version", 1)
                .option("mapreduce.fileoutputcommitter.marksuccessfuljobs", true);
        for (String leaf : FusedSchema.floatLeaves(fused.schema())) {
            writer.option("parquet.enable.dictionary#" + leaf, false);
        }
        writer.parquet(staging.toString());
    }

    /** Moves the staging directory to its place; what was there is deleted last, or put back. */
    private void publish(Path staging) throws IOException {
        refuseExisting();
        if (!files.exists(output)) {
            rename(staging, output);
            return;
        }
        Path replaced = sibling("replaced");
        rename(output, replaced);
        try {
            rename(staging, output);
        } catch (IOException failure) {
            rename(replaced, output);
            throw failure;
        }
        deleteReplaced(replaced);
    }

    /** The new table is in place: what goes wrong here is not the run's failure. */
    private void deleteReplaced(Path replaced) {
        try {
            if (!files.delete(replaced, true)) {
                log.warn("The replaced table is still at '{}'", replaced);
            }
        } catch (IOException failure) {
            log.warn("The replaced table is still at '{}'", replaced, failure);
        }
    }

    private void refuseExisting() throws IOException {
        if (!overwrite && files.exists(output)) {
            throw new OutputExistsException(
                    "Cannot write '" + output + "': expected a path that does not exist, got one that does; choose"
                            + " another or pass --overwrite");
        }
    }

    /** A rename onto a directory would move into it: another run may have published meanwhile. */
    private void rename(Path from, Path to) throws IOException {
        if (files.exists(to) || !files.rename(from, to)) {
            throw new IOException("Cannot rename '" + from + "' to '" + to + "'");
        }
    }

    private void delete(Path staging, Exception failure) {
        try {
            files.delete(staging, true);
        } catch (IOException deletion) {
            failure.addSuppressed(deletion);
        }
    }

    /** Beside the output, so that a rename suffices; the dot hides it from every reader. */
    private Path sibling(String purpose) {
        return new Path(output.getParent(), "." + output.getName() + "." + purpose + "-" + UUID.randomUUID());
    }

    private static void refuseOverlap(Path output, String input, Configuration hadoop) {
        for (Path path : resolved(input, hadoop)) {
            if (holds(path, output) || holds(output, path)) {
                throw new InputException("Cannot write '" + output
                        + "': expected a path apart from the input, got input '" + path + "'");
            }
        }
    }

    /** The path and what its pattern matches; nothing where it cannot be resolved, which opening it will report. */
    private static List<Path> resolved(String input, Configuration hadoop) {
        List<Path> paths = new ArrayList<>();
        try {
            Path path = new Path(input);
            paths.add(qualified(path, hadoop));
            FileStatus[] found = path.getFileSystem(hadoop).globStatus(path);
            for (FileStatus status : found == null ? new FileStatus[0] : found) {
                paths.add(qualified(status.getPath(), hadoop));
            }
        } catch (IOException | IllegalArgumentException unresolved) {
            log.debug("Cannot resolve '{}'", input, unresolved);
        }
        return paths;
    }

    private static boolean holds(Path directory, Path path) {
        for (Path above = path; above != null; above = above.getParent()) {
            if (above.equals(directory)) {
                return true;
            }
        }
        return false;
    }

    private static Path qualified(Path path, Configuration hadoop) throws IOException {
        FileSystem files = path.getFileSystem(hadoop);
        return path.makeQualified(files.getUri(), files.getWorkingDirectory());
    }
}
