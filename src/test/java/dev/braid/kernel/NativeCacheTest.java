package dev.braid.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeCacheTest {
    @TempDir
    Path directory;

    @Test
    void onlyThisUserCanEnterIt() throws IOException {
        Path cache = directory.resolve("home/.cache/braid");
        assertThat(NativeCache.ensureOurs(cache)).isTrue();
        assertThat(permissions(cache)).isEqualTo("rwx------");

        Files.setPosixFilePermissions(cache, PosixFilePermissions.fromString("rwxrwxrwx"));
        assertThat(NativeCache.ensureOurs(cache)).isTrue();
        assertThat(permissions(cache)).isEqualTo("rwx------");
        assertThat(cache).isEmptyDirectory();
    }

    @Test
    void aLinkOrAFileInItsPlaceIsNotTaken() throws IOException {
        Path elsewhere = Files.createDirectory(directory.resolve("elsewhere"));
        assertThat(NativeCache.ensureOurs(Files.createSymbolicLink(directory.resolve("link"), elsewhere)))
                .isFalse();
        assertThat(NativeCache.ensureOurs(Files.createFile(directory.resolve("file"))))
                .isFalse();
        assertThat(NativeCache.ensureOurs(Path.of("/proc/braid"))).isFalse();
    }

    @Test
    void librariesAreUnpackedThere() {
        NativeCache.choose();
        assertThat(System.getProperty("org.bytedeco.javacpp.cachedir")).isNotNull();
    }

    private static String permissions(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }
}
