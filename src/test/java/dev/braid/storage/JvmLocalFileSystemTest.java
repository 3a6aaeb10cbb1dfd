package dev.braid.storage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Properties;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.permission.FsPermission;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JvmLocalFileSystemTest {
    @TempDir
    private Path directory;

    /** With the settings of the embedded start. */
    private static FileSystem embedded() throws IOException {
        Properties settings = new Properties();
        try (var reader = Files.newBufferedReader(Path.of("conf/spark-defaults.conf"))) {
            settings.load(reader);
        }
        Configuration hadoop = new Configuration();
        hadoop.set("fs.file.impl", settings.getProperty("spark.hadoop.fs.file.impl"));
        hadoop.set("fs.permissions.umask-mode", "027");
        FileSystem files = FileSystem.newInstance(java.net.URI.create("file:///"), hadoop);
        assertThat(files).isInstanceOf(JvmLocalFileSystem.class);
        return files;
    }

    @Test
    void filesAndDirectoriesHaveThePermissionsThatAreAskedFor() throws IOException {
        try (FileSystem files = embedded()) {
            Path made = directory.resolve("made");
            files.mkdirs(path(made));
            files.create(path(made.resolve("file"))).close();
            assertThat(mode(made)).isEqualTo("rwxr-x---");
            assertThat(mode(made.resolve("file"))).isEqualTo("rw-r-----");
            files.setPermission(path(made), new FsPermission("1711"));
            assertThat(files.getFileStatus(path(made)).getPermission()).isEqualTo(new FsPermission("1711"));
            files.setPermission(path(made), new FsPermission("0705"));
            assertThat(mode(made)).isEqualTo("rwx---r-x");
        }
    }

    @Test
    void aFileMayHaveAColonInItsName() throws IOException {
        try (FileSystem files = embedded()) {
            Path file = directory.resolve("p_10:00.parquet");
            try (var out = files.create(path(file))) {
                out.write(7);
            }
            assertThat(directory.resolve(".p_10:00.parquet.crc")).exists();
            try (var in = files.open(path(file))) {
                assertThat(in.read()).isEqualTo(7);
            }
            assertThat(files.listStatus(path(directory))).hasSize(1);
        }
    }

    private static org.apache.hadoop.fs.Path path(Path path) {
        return new org.apache.hadoop.fs.Path(path.toUri());
    }

    private static String mode(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }
}
