package dev.braid.publish;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.braid.Shown;
import java.time.Instant;
import org.apache.hadoop.fs.EtagSource;
import org.apache.hadoop.fs.FileStatus;

/**
 * A file of a feature table as it was when the run began; for a table with snapshots, the whole snapshot.
 *
 * @param table the table's path or name, as the user wrote it
 * @param path where the file or the table is, with its file system; the same for all spellings of the table's path
 * @param bytes the length of the file, or of the snapshot's files
 * @param modified when the file was last modified, or the snapshot committed: ISO 8601, UTC
 * @param etag the file system's tag for this version of the file, as object stores have it; otherwise null
 * @param snapshot the snapshot that is read, as the table's format names it; null for a file
 * @param rows in the footer, or in the snapshot
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record InputFile(
        String table, String path, long bytes, String modified, String etag, String snapshot, long rows) {

    /** Masks passwords in paths. */
    public InputFile {
        table = Shown.path(table);
        path = Shown.path(path);
    }

    public static InputFile of(String table, String path, FileStatus file, long rows) {
        String etag = file instanceof EtagSource source ? source.getEtag() : null;
        String modified = Instant.ofEpochMilli(file.getModificationTime()).toString();
        return new InputFile(table, path, file.getLen(), modified, etag, null, rows);
    }

    /** This file without the table's name, which may be spelled in several ways. */
    InputFile unnamed() {
        return new InputFile("", path, bytes, modified, etag, snapshot, rows);
    }

    /** How the file differs now; empty if it does not. */
    public String changes(FileStatus now) {
        InputFile other = of(table, path, now, rows);
        if (bytes != other.bytes) {
            return "'" + path + "' (now " + other.bytes + " bytes, not " + bytes + ")";
        }
        boolean same = modified.equals(other.modified) && (etag == null || etag.equals(other.etag));
        return same ? "" : "'" + path + "' (rewritten with the same length)";
    }
}
