package dev.braid.storage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.hadoop.fs.permission.FsPermission;

/**
 * Hadoop's local file system with two changes. The JVM sets permissions: without its native library, Hadoop starts a
 * {@code chmod} process for every file and directory that it creates. Names may contain a colon: Hadoop fails to build the
 * name of such a file's checksum file. {@code spark.hadoop.fs.file.impl} in {@code conf/spark-defaults.conf} makes the
 * embedded start use this class.
 */
public class JvmLocalFileSystem extends LocalFileSystem {

    /** Called by Hadoop through reflection. */
    public JvmLocalFileSystem() {
        super(new Raw());
    }

    /** The same path as Hadoop's, which parses the name as a URI and therefore fails at a colon. */
    @Override
    public Path getChecksumFile(Path file) {
        return new Path(file.getParent(), new Path(null, null, "." + file.getName() + ".crc"));
    }

    /** The file system without checksums. */
    public static class Raw extends RawLocalFileSystem {
        @Override
        public void setPermission(Path path, FsPermission permission) throws IOException {
            if (permission.getStickyBit()) {
                super.setPermission(path, permission); // POSIX permissions of the JVM have no sticky bit
                return;
            }
            String mode = permission.getUserAction().SYMBOL
                    + permission.getGroupAction().SYMBOL
                    + permission.getOtherAction().SYMBOL;
            Files.setPosixFilePermissions(pathToFile(path).toPath(), PosixFilePermissions.fromString(mode));
        }
    }
}
