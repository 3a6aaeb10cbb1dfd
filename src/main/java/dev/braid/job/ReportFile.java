package dev.braid.job;

import dev.braid.InputException;
import dev.braid.report.RunFacts;
import dev.braid.report.RunPage;
import dev.braid.spark.Diagnosis;
import dev.braid.spark.Place;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.ChecksumFileSystem;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Where the page of {@code --report} is written, once the run has ended. */
final class ReportFile {
    private final Path path;
    private final FileSystem files;

    private ReportFile(Path path, FileSystem files) {
        this.path = path;
        this.files = files;
    }

    /**
     * The file that an option names, looked at before any work is done.
     *
     * @param output where the table is to be
     * @return empty if the option is not given
     * @throws InputException if there can be no such file: its file system is not known, a directory has its name, a file has
     *     that of a directory above it, or it would be in the output, which a run replaces as a whole
     */
    static Optional<ReportFile> at(String file, String output, Configuration hadoop) {
        if (InputOptions.isMissing(file)) {
            return Optional.empty();
        }
        String problem;
        try {
            Path path = Place.toWrite(file, hadoop);
            FileSystem system = path.getFileSystem(hadoop);
            problem = problem(path, output, system);
            if (problem == null) {
                // A local file gets no checksum beside it.
                FileSystem plain = system instanceof ChecksumFileSystem local ? local.getRawFileSystem() : system;
                return Optional.of(new ReportFile(path, plain));
            }
        } catch (IOException | RuntimeException failure) { // unchecked: a malformed path or a missing library
            throw new InputException(
                    "Cannot write the report '" + file + "': expected a path that can be written, got '"
                            + Diagnosis.of(failure).cause() + "'",
                    failure);
        }
        throw new InputException("Cannot write the report '" + file + "': " + problem + "; choose another path");
    }

    private static String problem(Path path, String output, FileSystem files) throws IOException {
        if ((path + "/").startsWith(output + "/")) {
            return "expected a file outside of the output, got one in '" + output + "'";
        }
        Path at = path;
        while (at != null) {
            try {
                boolean isDirectory = files.getFileStatus(at).isDirectory();
                if (at.equals(path) && isDirectory) {
                    return "expected a file, got a directory";
                }
                if (!at.equals(path) && !isDirectory) {
                    return "expected a directory to write it to, got file '" + at + "'";
                }
                return null;
            } catch (FileNotFoundException | org.apache.hadoop.fs.ParentNotDirectoryException absent) {
                at = at.getParent();
            }
        }
        return null;
    }

    /** Removes the page of an earlier run, which would be taken for one of this run; if it cannot, it stays. */
    void removeEarlier() {
        try {
            files.delete(path, false);
        } catch (IOException unremoved) {
            // The failure of the run matters more.
        }
    }

    /**
     * Writes the page.
     *
     * @throws IOException if storage fails; what the run has published is complete nevertheless
     */
    void write(RunFacts facts) throws IOException {
        byte[] page = RunPage.of(facts).getBytes(StandardCharsets.UTF_8);
        try (OutputStream out = files.create(path, true)) {
            out.write(page);
        }
    }

    @Override
    public String toString() {
        return path.toString();
    }
}
