package dev.braid.publish;

import dev.braid.InputException;
import java.io.IOException;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.apache.hadoop.fs.CommonPathCapabilities;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** How a finished table is put in place, and what a file system must support for that. */
public enum Publication {
    /** One rename of the run's directory: for every reader, the whole table appears at once. */
    RENAME,
    /** The run's files are moved into the table's directory, and the manifest that names them is written last. */
    MANIFEST;

    /** The schemes of object stores. Stores that have etags are recognised by these instead. */
    private static final Set<String> STORES = Set.of(
            "s3", "s3n", "s3a", "gs", "wasb", "wasbs", "oss", "cos", "cosn", "obs", "oci", "swift", "tos", "ks3",
            "bos");

    /** The name users write. */
    public String configName() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The publication with this name; empty if there is none. */
    public static Optional<Publication> parse(String configName) {
        return Arrays.stream(values())
                .filter(each -> each.configName().equals(configName))
                .findFirst();
    }

    /**
     * How a table is published.
     *
     * @param chosen what the user chose; empty for a rename, or for the manifest in an object store
     * @throws InputException if a rename is chosen in an object store
     */
    static Publication of(Path output, Optional<Publication> chosen, FileSystem files) throws IOException {
        boolean isObjectStore = isObjectStore(files, output);
        if (isObjectStore && chosen.equals(Optional.of(RENAME))) {
            throw new InputException("Cannot publish '" + output
                    + "' by a rename: expected a file system that renames a directory at once, got an object store, which"
                    + " copies its files one by one; pass '--publish manifest'");
        }
        return chosen.orElse(isObjectStore ? MANIFEST : RENAME);
    }

    /**
     * Whether the file system is an object store. In an object store, a rename copies the files of a directory one by one,
     * which a kill may cut short. A file appears as a whole when it is closed, and replaces an older one.
     */
    public static boolean isObjectStore(FileSystem files, Path path) throws IOException {
        return STORES.contains(files.getUri().getScheme())
                || (files.hasPathCapability(path, CommonPathCapabilities.ETAGS_AVAILABLE)
                        // If a rename keeps etags, the files are in true directories: abfs with a hierarchical
                        // namespace.
                        && !files.hasPathCapability(path, CommonPathCapabilities.ETAGS_PRESERVED_IN_RENAME));
    }
}
