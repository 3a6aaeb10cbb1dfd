package dev.braid.spark;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.braid.Shown;
import java.time.Instant;
import org.apache.hadoop.fs.EtagSource;
import org.apache.hadoop.fs.FileStatus;

/**
 * A file of a feature table as it was when the run began; of a table with snapshots, the whole snapshot.
 *
 * @param table the table's path or name, as the user wrote it
 * @param path where the file or the table is, with its file system: the same however the table's path is spelled
 * @param bytes the length of the file, or of the snapshot's files
 * @param modified when the file was last modified, or the snapshot committed: ISO 8601, UTC
 * @param etag what the file system calls this version of the file; null if it has no such name (an object store has)
 * @param snapshot which of the table's snapshots is read, as its format names it; null for a file
 * @param rows in the footer, or in the snapshot
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record InputFile(
        String table, String path, long bytes, String modified, String etag, String snapshot, long rows) {

    /** Passwords in paths are masked. */
    public InputFile {
        table = Shown.path(table);
        path = Shown.path(path);
    }

    static InputFile of(String table, String path, FileStatus file, long rows) {
        String etag = file instanceof EtagSource source ? source.getEtag() : null;
        String modified = Instant.ofEpochMilli(file.getModificationTime()).toString();
        return new InputFile(table, path, file.getLen(), modified, etag, null, rows);
    }

    /** The same without the name of its table, which has many spellings. */
    InputFile unnamed() {
        return new InputFile("", path, bytes, modified, etag, snapshot, rows);
    }

    /** What differs in a file as it is now; empty if nothing does. */
    String changes(FileStatus now) {
        InputFile other = of(table, path, now, rows);
        if (bytes != other.bytes) {
            return "'" + path + "' (now " + other.bytes + " bytes, not " + bytes + ")";
        }
        boolean same = modified.equals(other.modified) && (etag == null || etag.equals(other.etag));
        return same ? "" : "'" + path + "' (rewritten with the same length)";
    }
}
