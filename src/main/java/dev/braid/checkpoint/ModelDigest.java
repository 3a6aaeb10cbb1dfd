package dev.braid.checkpoint;

import dev.braid.InputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;

/** The SHA-256 of a model directory, which changes with every byte that a run may read. Used by one thread. */
public final class ModelDigest {
    private static final int BUFFER_BYTES = 1 << 20;

    private final String directory;
    private final Configuration hadoop;
    private List<FileStatus> listed = List.of();
    /** Why the directory could not be listed; null if it could. */
    private Exception listingFailure;
    /** Null until it is computed. */
    private String sha256;

    private ModelDigest(String directory, Configuration hadoop) {
        this.directory = directory;
        this.hadoop = hadoop;
    }

    /** Lists the files of a directory without reading them. If listing fails, {@link #sha256} throws the exception. */
    public static ModelDigest of(String directory, Configuration hadoop) {
        ModelDigest digest = new ModelDigest(directory, hadoop);
        try {
            digest.listed = digest.list();
        } catch (IOException | RuntimeException failure) { // unchecked: a malformed path, an unknown host
            digest.listingFailure = failure;
        }
        return digest;
    }

    private List<FileStatus> list() throws IOException {
        List<FileStatus> read = new ArrayList<>();
        Path path = new Path(directory);
        for (FileStatus file : path.getFileSystem(hadoop).listStatus(path)) {
            String name = file.getPath().getName();
            if (name.equals(CheckpointReader.CONFIG) || StateDictFile.isIndex(name) || name.endsWith(".safetensors")) {
                read.add(file);
            }
        }
        read.sort(Comparator.comparing(file -> file.getPath().getName()));
        return read;
    }

    /** The directory as the user wrote it. */
    public String directory() {
        return directory;
    }

    /**
     * SHA-256 over config.json, the index and all safetensors files, in the order of their names. Of each file: its
     * name in UTF-8, a zero byte, its length as eight big-endian bytes, its bytes. The first call reads them.
     *
     * @return 64 hexadecimal digits
     * @throws InputException if the directory or a file cannot be read
     */
    public String sha256() {
        if (listingFailure != null) {
            throw unreadable(listingFailure);
        }
        if (sha256 == null) {
            try {
                sha256 = read();
            } catch (IOException failure) {
                throw unreadable(failure);
            }
        }
        return sha256;
    }

    /**
     * Refuses a directory with another digest; reads nothing if none is expected.
     *
     * @param expected 64 hexadecimal digits, in either case; null if any model will do
     * @throws InputException if the digest is another one, or the directory cannot be read
     */
    public void require(String expected) {
        if (expected != null && !sha256().equalsIgnoreCase(expected)) {
            throw new InputException("Cannot use model '" + directory + "': expected SHA-256 " + expected
                    + " (--model-sha256), got " + sha256()
                    + "; pass the directory of the model that was meant, or its digest");
        }
    }

    private String read() throws IOException {
        MessageDigest digest;
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
        byte[] buffer = new byte[BUFFER_BYTES];
        for (FileStatus file : listed) {
            digest.update(file.getPath().getName().getBytes(StandardCharsets.UTF_8));
            digest.update((byte) 0);
            digest.update(ByteBuffer.allocate(Long.BYTES).putLong(0, file.getLen()));
            Path path = file.getPath();
            try (InputStream in = ModelFile.open(path, path.getFileSystem(hadoop))) {
                for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
                    digest.update(buffer, 0, count);
                }
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    /**
     * The names of files that were added, removed or replaced since {@link #of}, as their lengths and modification
     * times show.
     *
     * @throws InputException if the directory cannot be listed any more
     */
    public List<String> changes() {
        Map<String, String> states = new TreeMap<>();
        listed.forEach(file -> states.put(file.getPath().getName(), state(file)));
        List<String> changes = new ArrayList<>();
        try {
            for (FileStatus file : list()) {
                String name = file.getPath().getName();
                if (!state(file).equals(states.remove(name))) {
                    changes.add(Quote.of(name));
                }
            }
        } catch (IOException failure) {
            throw unreadable(failure);
        }
        states.keySet().forEach(removed -> changes.add(Quote.of(removed)));
        return changes;
    }

    private static String state(FileStatus file) {
        return file.getLen() + " " + file.getModificationTime();
    }

    private InputException unreadable(Exception failure) {
        return new InputException(
                "Cannot read model '" + directory + "': expected its files, got '" + failure.getMessage() + "'",
                failure);
    }
}
