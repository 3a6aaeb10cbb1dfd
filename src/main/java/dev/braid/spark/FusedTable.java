package dev.braid.spark;

import dev.braid.InputException;
import java.io.IOException;
import java.util.Collection;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A directory of Parquet files that appears at once and whole, or not at all: written next to its place under a hidden
 * name, counted, then renamed. Driver only.
 */
public final class FusedTable {

    private static final Logger log = LoggerFactory.getLogger(FusedTable.class);

    private final Path output;
    private final boolean overwrite;
    private final FileSystem files;
    private final OutputCheck check;
    private final Configuration hadoop;

    private FusedTable(Path output, boolean overwrite, Configuration hadoop) throws IOException {
        this.output = output;
        this.overwrite = overwrite;
        this.files = output.getFileSystem(hadoop);
        this.check = new OutputCheck(output, files);
        this.hadoop = hadoop;
    }

    /**
     * The place of a fused table, checked before any work is done. A link is followed: the table is written where it
     * leads.
     *
     * @param output a path that does not exist, or a table or an empty directory that may be replaced
     * @param overwrite whether it may be replaced
     * @param inputs the paths of everything that is read, patterns included
     * @throws OutputExistsException if it exists and may not be replaced, or is no table
     * @throws InputException if it is one of the inputs, holds one or lies in one, whatever it is called, or cannot be
     *     created, or its file system is not known
     */
    public static FusedTable at(String output, boolean overwrite, Collection<String> inputs, Configuration hadoop) {
        try {
            Path path = TablePath.parse(output, hadoop);
            if (path.toUri().getScheme().equals("file")) {
                path = Place.of(path, hadoop).path();
            }
            FusedTable table = new FusedTable(path, overwrite, hadoop);
            table.check.refuseOverlap(inputs, hadoop);
            table.check.refuseExisting(overwrite);
            table.check.refuseUncreatable();
            table.check.warnOfLeftovers();
            return table;
        } catch (InputException | OutputExistsException refused) {
            throw refused;
        } catch (IOException | RuntimeException failure) { // unchecked: a malformed path or a missing library
            throw new InputException(
                    "Cannot write '" + output + "': expected a path that can be written, got '"
                            + Diagnosis.of(failure).cause() + "'",
                    failure);
        }
    }

    /** Writes Parquet files. */
    public interface Writing {
        /**
         * Writes the files of a table.
         *
         * @param directory that is empty
         */
        void write(String directory) throws IOException;
    }

    /** Where the table is once it is written. */
    public String path() {
        return output.toString();
    }

    /**
     * Computes, writes, audits and publishes. Once the rows are written and counted, no failure deletes them.
     *
     * @param writing writes the table's files
     * @param rows how many rows there must be
     * @throws InputException if a row cannot be fused, or nothing can be written next to the path; nothing is published
     *     then, and what was at the path stays
     * @throws OutputExistsException if something has appeared at the path meanwhile; the message says where the finished
     *     table is
     * @throws TransientException if storage, memory or disk fail, or the input changed while it was read
     */
    public void write(Writing writing, long rows) {
        Path staging = check.hidden("staging");
        check.create(staging);
        try {
            files.deleteOnExit(staging); // should the JVM end early
            writing.write(staging.toString());
            files.create(new Path(staging, "_SUCCESS")).close();
            long written = Footers.rows(staging, hadoop);
            if (written != rows) {
                throw new TransientException(
                        "Cannot publish '" + output + "': expected " + rows + " rows (keys of the input), got "
                                + written + "; did the input change while it was read?",
                        null);
            }
        } catch (Exception | Error failure) { // Spark throws checked exceptions that it does not declare
            delete(staging);
            throw SparkFailure.translate(failure, "Cannot write '" + output + "'");
        }
        files.cancelDeleteOnExit(staging);
        new Publisher(output, overwrite, check, files).publish(staging);
    }

    private void delete(Path staging) {
        try {
            files.delete(staging, true);
        } catch (IOException | RuntimeException failure) {
            log.warn("The unfinished table is still at '{}'; remove it", staging, failure);
        }
    }
}
