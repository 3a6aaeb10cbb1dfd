package dev.braid.kernel;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Where JavaCPP unpacks native libraries, unless somebody has set it: a directory of this user's that nobody else can enter,
 * in {@code ~/.cache/braid} or, without a home, in the directory of temporary files. JavaCPP's own is shared with every
 * other program and follows the umask.
 */
final class NativeCache {
    private static final String DIRECTORY = "org.bytedeco.javacpp.cachedir";

    private static final Set<PosixFilePermission> PRIVATE = PosixFilePermissions.fromString("rwx------");

    private NativeCache() {}

    /** To be called before JavaCPP loads the first library. */
    static void own() {
        if (System.getProperty(DIRECTORY) != null) {
            return;
        }
        Path temporary = Path.of(System.getProperty("java.io.tmpdir"), "braid-" + System.getProperty("user.name"));
        Path home = Path.of(System.getProperty("user.home"), ".cache", "braid");
        Stream.of(home, temporary)
                .filter(Path::isAbsolute) // of a user without a home, the JVM says '?'
                .filter(NativeCache::isOurs)
                .findFirst()
                .ifPresent(directory -> System.setProperty(DIRECTORY, directory.toString()));
    }

    /** Creates a directory that only this user can enter; false if that cannot be done or somebody else has made it. */
    static boolean isOurs(Path directory) {
        try {
            Files.createDirectories(directory.getParent());
            if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
                Files.createDirectory(directory, PosixFilePermissions.asFileAttribute(PRIVATE));
            }
            Path probe = Files.createTempFile(directory, "owner", "");
            boolean ours = Files.getOwner(probe).equals(Files.getOwner(directory));
            Files.delete(probe);
            if (ours) {
                Files.setPosixFilePermissions(directory, PRIVATE);
            }
            return ours;
        } catch (IOException | UnsupportedOperationException e) {
            return false;
        }
    }
}
