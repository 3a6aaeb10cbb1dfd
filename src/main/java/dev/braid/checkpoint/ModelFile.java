package dev.braid.checkpoint;

import dev.braid.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.attribute.BasicFileAttributes;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Opens the files of a model directory. */
final class ModelFile {
    private ModelFile() {}

    /**
     * Opens a file.
     *
     * @throws InputException if it is a pipe, which would block until somebody writes into it, or a device
     */
    static FSDataInputStream open(Path path, FileSystem files) throws IOException {
        if (files.getUri().getScheme().equals("file")) {
            java.nio.file.Path local = java.nio.file.Path.of(path.toUri().getPath());
            if (Files.exists(local)
                    && Files.readAttributes(local, BasicFileAttributes.class).isOther()) {
                throw new InputException(
                        "Cannot read " + path.getName() + ": expected a regular file, got a pipe or a device");
            }
        }
        return files.open(path);
    }
}
