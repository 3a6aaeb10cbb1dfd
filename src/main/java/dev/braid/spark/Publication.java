package dev.braid.spark;

import java.io.IOException;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.apache.hadoop.fs.CommonPathCapabilities;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** How a finished table takes its place, and what a file system must do for that. */
public enum Publication {
    /** One rename of the run's directory: for every reader, the whole table appears at once. */
    RENAME,
    /** The run's files are moved into the table's directory, and the manifest that names them is written last. */
    MANIFEST;

    /** Object stores by the schemes of their Hadoop file systems; those that have etags are found without them. */
    private static final Set<String> STORES = Set.of(
            "s3", "s3n", "s3a", "gs", "wasb", "wasbs", "oss", "cos", "cosn", "obs", "oci", "swift", "tos", "ks3",
            "bos");

    /** The name users write. */
    public String configName() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** The one of that name. */
    public static Optional<Publication> parse(String configName) {
        return Arrays.stream(values())
                .filter(each -> each.configName().equals(configName))
                .findFirst();
    }

    /**
     * Whether files are objects: a rename copies each file of a directory in turn, which a kill may cut short, and a file is seen
     * once it is closed, whole, in place of an older one if there is one.
     */
    static boolean isObjectStore(FileSystem files, Path path) throws IOException {
        return STORES.contains(files.getUri().getScheme())
                || (files.hasPathCapability(path, CommonPathCapabilities.ETAGS_AVAILABLE)
                        // An etag that a rename keeps is one of a file in a true directory: abfs with a hierarchical
                        // namespace.
                        && !files.hasPathCapability(path, CommonPathCapabilities.ETAGS_PRESERVED_IN_RENAME));
    }
}
