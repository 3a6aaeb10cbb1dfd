package dev.braid.kernel;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import java.util.stream.Stream;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.javacpp.Loader;

/**
 * The directory into which JavaCPP unpacks native libraries, unless a property sets it: a private directory of this
 * user, in {@code ~/.cache/braid} or, without a home, in the directory of temporary files. All Braid JVMs of a user
 * load their libraries from this directory. JavaCPP's own default directory is shared with all other programs, and its
 * permissions follow the umask.
 */
final class NativeCache {
    private static final String DIRECTORY = "org.bytedeco.javacpp.cachedir";

    private static final Set<PosixFilePermission> PRIVATE = PosixFilePermissions.fromString("rwx------");

    private NativeCache() {}

    /** Chooses the directory. Call it before JavaCPP loads the first library. */
    static void choose() {
        if (System.getProperty(DIRECTORY) != null) {
            return;
        }
        Path temporary = Path.of(System.getProperty("java.io.tmpdir"), "braid-" + System.getProperty("user.name"));
        Path home = Path.of(System.getProperty("user.home"), ".cache", "braid");
        Stream.of(home, temporary)
                .filter(Path::isAbsolute) // the JVM reports '?' if the user has no home
                .filter(NativeCache::ensureOurs)
                .findFirst()
                .ifPresent(directory -> System.setProperty(DIRECTORY, directory.toString()));
    }

    /**
     * Loads oneDNN before ND4J, in every JVM. Both bring an OpenMP runtime. JavaCPP unpacks the runtime of the library
     * that is loaded first and replaces the other runtime with a link to it. JVMs that load the libraries in different
     * orders would swap file and link. One JVM may then write through a link that another has just made, into a file
     * that further JVMs have mapped, and a SIGBUS kills those.
     */
    static void loadOneDnnFirst() {
        OneDnnFirst.tried();
    }

    /** Tries to load oneDNN once per JVM, when this class is initialised. */
    private static final class OneDnnFirst {
        static {
            try {
                Loader.load(dnnl.class);
            } catch (LinkageError error) {
                // KernelLibrary.best reports this and uses the portable kernels.
            }
        }

        static void tried() {}
    }

    /**
     * Creates a directory that only this user can enter. Returns false if this fails or another user owns the
     * directory.
     */
    static boolean ensureOurs(Path directory) {
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
