package dev.braid.publish;

import dev.braid.InputException;
import dev.braid.failure.Diagnosis;
import dev.braid.storage.InputPlaces;
import dev.braid.storage.ResolvedPath;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Finds out, before any work is done, whether a table can be written at a path. Driver only. */
final class OutputCheck {
    /** Hidden names contain at most this many characters of the output's name. */
    private static final int SHORT_NAME = 100;

    /** What is left next to files with rows by their writers (Hadoop, parquet-java, Braid, Databricks), macOS and NFS. */
    private static final Pattern MARKERS =
            Pattern.compile("_SUCCESS|_(common_)?metadata|" + Pattern.quote(Manifest.FILE)
                    + "|_(started|committed)_\\d+|_committed_vacuum\\d+|\\..*\\.crc|\\.DS_Store|\\.(_|nfs).*");

    private final Path output;
    private final FileSystem files;

    OutputCheck(Path output, FileSystem files) {
        this.output = output;
        this.files = files;
    }

    /** Refuses an output that is an input, contains one or is inside one, under any name; also through links below it. */
    void refuseOverlap(InputPlaces inputs) throws IOException {
        List<Path> own = new ArrayList<>(List.of(output));
        own.addAll(ResolvedPath.linkedDirectories(output));
        for (Path path : own) {
            Optional<String> input = inputs.overlapping(path);
            if (input.isPresent()) {
                throw new InputException("Cannot write '" + output + "': expected a path apart from the input, got "
                        + (path.equals(output) ? "" : "link '" + path + "' to ") + input.get());
            }
        }
    }

    /**
     * Refuses what is at the path, unless it may be replaced and is a table or an empty directory.
     *
     * @return whether there is something to replace
     */
    boolean refuseExisting(boolean overwrite) throws IOException {
        FileStatus status;
        try {
            status = files.getFileStatus(output);
        } catch (FileNotFoundException free) {
            return false;
        }
        if (!overwrite) {
            throw new OutputExistsException(
                    "Cannot write '" + output + "': expected a path that does not exist, got one that does; choose"
                            + " another or pass --overwrite");
        }
        String other = status.isDirectory() ? noTable(output, true) : "a file";
        if (other != null) {
            throw new OutputExistsException("Cannot replace '" + output
                    + "': expected a table (a directory of nothing but Parquet files) or an empty directory, got "
                    + other
                    + "; choose another path, or remove it yourself");
        }
        return true;
    }

    /** What shows that a directory is not a table of Parquet files; null if it is one. */
    private String noTable(Path directory, boolean mayBeEmpty) throws IOException {
        FileStatus[] entries = files.listStatus(directory);
        boolean success = false;
        for (FileStatus entry : entries) {
            success |= entry.getPath().getName().equals("_SUCCESS");
        }
        boolean table = success || (entries.length == 0 && mayBeEmpty);
        for (FileStatus entry : entries) {
            String name = entry.getPath().getName();
            String holds = "one with '" + name + "'";
            if (entry.isDirectory()) {
                String inner = name.equals("_temporary") || name.equals(Manifest.QUARANTINE)
                        ? null
                        : name.contains("=") ? noTable(entry.getPath(), true) : holds;
                if (inner != null) {
                    return inner;
                }
                table |= name.contains("=");
            } else if (name.endsWith(".parquet")) {
                table = true;
            } else if (!MARKERS.matcher(name).matches()) {
                return holds;
            }
        }
        return table ? null : "one without Parquet files";
    }

    /**
     * Tries to create a directory with a name as long as the output's, in the nearest existing directory above it, and
     * deletes it. Missing directories above the output are not created yet.
     */
    void refuseUncreatable() throws IOException {
        if (output.getParent() == null) {
            throw new InputException(
                    "Cannot write '" + output + "': expected a directory below the root, got the root");
        }
        Path existing = ResolvedPath.existing(output.getParent(), files);
        if (!files.getFileStatus(existing).isDirectory()) {
            throw new InputException("Cannot write '" + output + "': expected a directory to create it in, got file '"
                    + existing + "'; choose another path");
        }
        // Always the same name, so that the next run removes what a killed one has left.
        String probe = ".probe-" + UUID.nameUUIDFromBytes(output.toString().getBytes(StandardCharsets.UTF_8));
        int missing = Math.max(0, plain(output.getName()).length() - probe.length());
        Path directory = new Path(existing, probe + "x".repeat(missing));
        create(directory);
        files.delete(directory, true);
    }

    /** Creates a directory for the output, and the directories above it. */
    void create(Path directory) {
        Path parent = directory.getParent();
        try {
            if (!files.mkdirs(directory) && !files.exists(directory)) {
                if (!files.getUri().getScheme().equals("file")) {
                    throw new IOException("no reason from '" + files.getUri() + "'");
                }
                // Hadoop only says that it failed; the JDK gives the reason.
                Files.createDirectories(java.nio.file.Path.of(directory.toUri().getPath()));
            }
        } catch (IOException | RuntimeException failure) {
            throw new InputException(
                    "Cannot write '" + output + "': expected to create a directory in '" + parent + "', got '"
                            + reason(failure) + "'; choose another path",
                    failure);
        }
    }

    private static String reason(Exception failure) {
        if (failure instanceof AccessDeniedException) {
            return "Permission denied";
        }
        if (failure instanceof FileSystemException local && local.getReason() != null) {
            return local.getReason();
        }
        return Diagnosis.of(failure).cause();
    }

    /**
     * A path next to the output, so that a rename suffices, with a dot that hides it from every reader. It is always the same
     * for an output. Its name is short and plain ASCII.
     */
    Path hidden(String purpose) {
        String name = output.getName();
        String plain = plain(name);
        String begin = plain.substring(0, Math.min(plain.length(), SHORT_NAME));
        if (!begin.equals(name)) { // another output may have the same beginning
            begin += "-"
                    + UUID.nameUUIDFromBytes(name.getBytes(StandardCharsets.UTF_8))
                            .toString()
                            .substring(0, 8);
        }
        return new Path(output.getParent(), "." + begin + "." + purpose);
    }

    /** The name with one ASCII character for every byte. */
    private static String plain(String name) {
        return new String(name.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1)
                .replaceAll("[^A-Za-z0-9._-]", "_");
    }
}
