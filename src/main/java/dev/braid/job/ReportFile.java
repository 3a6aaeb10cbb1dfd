package dev.braid.job;

import dev.braid.InputException;
import dev.braid.failure.Diagnosis;
import dev.braid.report.RunFacts;
import dev.braid.report.RunPage;
import dev.braid.storage.InputPlaces;
import dev.braid.storage.ResolvedPath;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.ChecksumFileSystem;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** The file of {@code --report}, written at the end of the run. */
final class ReportFile {
    private final Path path;
    private final FileSystem files;

    private ReportFile(Path path, FileSystem files) {
        this.path = path;
        this.files = files;
    }

    /**
     * The file that the option names. Checks the path before any work is done.
     *
     * @param output the path of the output table
     * @param inputs everything that is read
     * @return empty if the option is not given
     * @throws InputException if the file cannot exist: its file system is unknown, the path is a directory, a parent of the
     *     path is a file, or the path is inside the output, which a run replaces as a whole, or overlaps with an input
     */
    static Optional<ReportFile> at(String file, String output, InputPlaces inputs, Configuration hadoop) {
        if (InputOptions.isMissing(file)) {
            return Optional.empty();
        }
        String problem;
        try {
            Path path = ResolvedPath.toWrite(file, hadoop);
            FileSystem system = path.getFileSystem(hadoop);
            problem = problem(path, output, inputs, system);
            if (problem == null) {
                // Writes no checksum file next to a local file.
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

    private static String problem(Path path, String output, InputPlaces inputs, FileSystem files) throws IOException {
        if ((path + "/").startsWith(output + "/")) {
            return "expected a file outside of the output, got one in '" + output + "'";
        }
        Optional<String> input = inputs.overlapping(path);
        if (input.isPresent()) {
            return "expected a path apart from the input, got " + input.get();
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

    /** Deletes the page of an earlier run, so that nobody takes it for this run's page. Ignores a failure. */
    void removeEarlier() {
        try {
            files.delete(path, false);
        } catch (IOException unremoved) {
            // the run's own failure is reported instead
        }
    }

    /**
     * Writes the page.
     *
     * @throws IOException if storage fails; the published table is complete in any case
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
