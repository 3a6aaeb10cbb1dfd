package dev.braid.checkpoint;

import dev.braid.InputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** The digest of a model directory, which changes with any byte that a run reads of it. */
public final class ModelDigest {
    private static final int BUFFER_BYTES = 1 << 20;

    private ModelDigest() {}

    /**
     * SHA-256 over config.json, the index and all safetensors files, in the order of their names: of each its name in UTF-8, a
     * zero byte, its length as eight big-endian bytes, its bytes.
     *
     * @return 64 hexadecimal digits
     * @throws InputException if the directory cannot be read
     */
    public static String sha256(String directory, Configuration hadoop) {
        try {
            Path path = new Path(directory);
            FileSystem files = path.getFileSystem(hadoop);
            List<FileStatus> read = new ArrayList<>();
            for (FileStatus file : files.listStatus(path)) {
                String name = file.getPath().getName();
                if (name.equals(CheckpointReader.CONFIG)
                        || name.equals(WeightFiles.INDEX)
                        || name.endsWith(".safetensors")) {
                    read.add(file);
                }
            }
            read.sort(Comparator.comparing(file -> file.getPath().getName()));
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            byte[] buffer = new byte[BUFFER_BYTES];
            for (FileStatus file : read) {
                digest.update(file.getPath().getName().getBytes(StandardCharsets.UTF_8));
                digest.update((byte) 0);
                digest.update(java.nio.ByteBuffer.allocate(Long.BYTES).putLong(0, file.getLen()));
                try (InputStream in = ModelFile.open(file.getPath(), files)) {
                    for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
                        digest.update(buffer, 0, count);
                    }
                }
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (IOException failure) {
            throw new InputException(
                    "Cannot read model '" + directory + "': expected its files, got '" + failure.getMessage() + "'",
                    failure);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }
}
