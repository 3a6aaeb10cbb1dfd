package dev.braid.job;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;

/**
 * Hadoop's local file system with permissions that the JVM sets. Hadoop itself, where its native library is not installed,
 * runs {@code chmod} as a process for every file and directory that it creates. And with files that have a colon in their
 * names, which Hadoop cannot name the checksums of.
 * The embedded start asks for it, by {@code spark.hadoop.fs.file.impl} in {@code conf/spark-defaults.conf}.
 */
public class JvmLocalFileSystem extends LocalFileSystem {

    /** As Hadoop makes it, by name. */
    public JvmLocalFileSystem() {
        super(new Raw());
    }

    /** As Hadoop's, whose text with a colon would be read as a URI with a scheme. */
    @Override
    public Path getChecksumFile(Path file) {
        return new Path(file.getParent(), new Path(null, null, "." + file.getName() + ".crc"));
    }

    /** The same without checksums. */
    public static class Raw extends RawLocalFileSystem {
        @Override
        public void setPermission(Path path, FsPermission permission) throws IOException {
            if (permission.getStickyBit()) {
                super.setPermission(path, permission); // The JVM knows no such bit.
                return;
            }
            String mode = permission.getUserAction().SYMBOL
                    + permission.getGroupAction().SYMBOL
                    + permission.getOtherAction().SYMBOL;
            Files.setPosixFilePermissions(pathToFile(path).toPath(), PosixFilePermissions.fromString(mode));
        }
    }
}
