package dev.braid.storage;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.net.URI;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The local files under other schemes, for tests: {@code twin://} is one store whatever its authority, {@code mount://}
 * links to the local file system as viewfs does, any other is named by its authority.
 */
public final class AliasFileSystem extends JvmLocalFileSystem.Raw {
    private URI uri;

    public static Configuration hadoop() {
        Configuration hadoop = new Configuration();
        for (String scheme : new String[] {"twin", "mount", "s3", "s3a", "s3n", "other"}) {
            register(scheme, hadoop);
        }
        return hadoop;
    }

    /** For this configuration alone: Hadoop would keep the file system for every other test of the JVM. */
    public static void register(String scheme, Configuration hadoop) {
        hadoop.setClass("fs." + scheme + ".impl", AliasFileSystem.class, FileSystem.class);
        hadoop.setBoolean("fs." + scheme + ".impl.disable.cache", true);
    }

    @Override
    public void initialize(URI name, Configuration conf) throws IOException {
        super.initialize(name, conf);
        uri = URI.create(name.getScheme() + "://" + name.getAuthority());
    }

    @Override
    public URI getUri() {
        return uri == null ? super.getUri() : uri; // null in the constructor
    }

    @Override
    public String getCanonicalServiceName() {
        return uri.getScheme().equals("twin") ? "192.0.2.7:8020" : null;
    }

    @Override
    public Path resolvePath(Path path) throws IOException {
        if (!exists(path)) {
            throw new FileNotFoundException(path.toString());
        }
        return uri.getScheme().equals("mount")
                ? new Path("file", null, path.toUri().getPath())
                : path;
    }
}
