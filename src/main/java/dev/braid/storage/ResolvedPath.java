package dev.braid.storage;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.security.AccessControlException;

/**
 * Where a path leads once all its links are followed, including links in the middle of the path and links to a target that does
 * not exist yet. Different names of one file system are recognised. Driver only.
 *
 * @param path with links followed, qualified
 * @param stores the names of its file system; two paths are on one file system if they share a name
 * @param inodes how the local file system identifies the path and each directory above it, null for those that do not exist:
 *     bind mounts and spellings that differ in case share them. Empty on other file systems
 */
public record ResolvedPath(Path path, Set<String> stores, List<Object> inodes) {
    private static final int MOST_LINKS = 40;

    /** Schemes that lead to the same store, each with the scheme that {@link #stores} uses for that store. */
    private static final Map<String, String> SAME = Map.of(
            "s3n",
            "s3a",
            "s3",
            "s3a",
            "abfss",
            "abfs",
            "wasb",
            "abfs",
            "wasbs",
            "abfs",
            "webhdfs",
            "hdfs",
            "swebhdfs",
            "hdfs");

    /** The path as Hadoop resolves it, without following links. */
    static Path qualified(Path path, Configuration hadoop) throws IOException {
        FileSystem files = path.getFileSystem(hadoop);
        return path.makeQualified(files.getUri(), files.getWorkingDirectory());
    }

    /**
     * The path to write to, parsed from a text of the user. Links in a local path are followed; any other path is only
     * qualified.
     *
     * @throws IOException if the storage does not answer
     */
    public static Path toWrite(String text, Configuration hadoop) throws IOException {
        Path qualified = TablePath.parse(text, hadoop);
        return qualified.toUri().getScheme().equals("file")
                ? of(qualified, hadoop).path()
                : qualified;
    }

    /**
     * Follows links and mounts.
     *
     * @throws IOException if the storage does not answer; a missing path, or a missing directory above it, is not an error
     */
    public static ResolvedPath of(Path path, Configuration hadoop) throws IOException {
        Path resolved = qualified(path, hadoop);
        for (int links = 0; links < MOST_LINKS; links++) {
            Path next = resolved.toUri().getScheme().equals("file") ? local(resolved) : mounted(resolved, hadoop);
            if (next.equals(resolved)) {
                break;
            }
            resolved = next;
        }
        return new ResolvedPath(resolved, stores(resolved, hadoop), inodes(resolved));
    }

    /** Whether {@code other} is this path or is inside it. */
    public boolean holds(ResolvedPath other) {
        if (!inodes.isEmpty() && inodes.get(0) != null && other.inodes.contains(inodes.get(0))) {
            return true;
        }
        if (stores.stream().noneMatch(other.stores::contains)) {
            return false;
        }
        String own = path.toUri().getPath();
        for (Path above = other.path; above != null; above = above.getParent()) {
            if (above.toUri().getPath().equals(own)) {
                return true;
            }
        }
        return false;
    }

    /** The links to directories below a local directory, hidden ones too. What lies behind a link is not searched. */
    public static List<Path> linkedDirectories(Path directory) throws IOException {
        java.nio.file.Path root = java.nio.file.Path.of(directory.toUri().getPath());
        if (!directory.toUri().getScheme().equals("file") || !Files.isDirectory(root)) {
            return List.of();
        }
        try (Stream<java.nio.file.Path> below = Files.walk(root)) {
            return below.filter(path -> !path.equals(root) && Files.isSymbolicLink(path) && Files.isDirectory(path))
                    .map(link -> new Path("file", null, link.toString()))
                    .toList();
        } catch (UncheckedIOException failure) {
            throw failure.getCause();
        }
    }

    /** The path itself if it exists, otherwise the nearest directory above it that exists. */
    public static Path existing(Path path, FileSystem files) throws IOException {
        Path existing = path;
        while (existing.getParent() != null && !exists(existing, files)) {
            existing = existing.getParent();
        }
        return existing;
    }

    private static boolean exists(Path path, FileSystem files) throws IOException {
        try {
            return files.exists(path);
        } catch (AccessControlException hidden) {
            return false;
        }
    }

    /** Follows the mounts of a file system such as viewfs, or symbolic links. */
    private static Path mounted(Path path, Configuration hadoop) throws IOException {
        FileSystem files = path.getFileSystem(hadoop);
        Deque<String> missing = new ArrayDeque<>();
        for (Path existing = path; existing != null; existing = existing.getParent()) {
            try {
                Path resolved = files.resolvePath(existing);
                for (String name : missing) {
                    resolved = new Path(resolved, "./" + name);
                }
                return qualified(resolved, hadoop);
            } catch (FileNotFoundException | AccessControlException above) {
                missing.addFirst(existing.getName());
            }
        }
        return path;
    }

    /** Resolves a path name by name, as the kernel does. So a dangling link leads to what it names. */
    private static Path local(Path path) throws IOException {
        Deque<String> names = new ArrayDeque<>(List.of(path.toUri().getPath().split("/")));
        java.nio.file.Path root = java.nio.file.Path.of("/");
        java.nio.file.Path resolved = root;
        int links = 0;
        while (!names.isEmpty()) {
            String name = names.removeFirst();
            if (name.equals("..")) {
                resolved = resolved.getParent() == null ? resolved : resolved.getParent();
            } else if (!name.isEmpty() && !name.equals(".")) {
                java.nio.file.Path next = resolved.resolve(name);
                if (!Files.isSymbolicLink(next)) {
                    resolved = next;
                } else if (++links > MOST_LINKS) {
                    throw new FileNotFoundException("a circle of links at '" + next + "'");
                } else {
                    java.nio.file.Path target = Files.readSymbolicLink(next);
                    resolved = target.isAbsolute() ? root : resolved;
                    for (int i = target.getNameCount() - 1; i >= 0; i--) {
                        names.addFirst(target.getName(i).toString());
                    }
                }
            }
        }
        return new Path("file", null, resolved.toString());
    }

    private static Set<String> stores(Path path, Configuration hadoop) throws IOException {
        String scheme = path.toUri().getScheme();
        String authority = String.valueOf(path.toUri().getAuthority()).toLowerCase(Locale.ROOT);
        if (SAME.getOrDefault(scheme, scheme).equals("abfs")) {
            authority = authority.replace(".blob.", ".dfs.");
        } else {
            authority = authority.substring(authority.lastIndexOf('@') + 1);
        }
        Set<String> stores = new HashSet<>(Set.of(SAME.getOrDefault(scheme, scheme) + "://" + authority));
        for (var address :
                hadoop.getPropsWithPrefix("dfs.namenode.rpc-address.").entrySet()) {
            String nameservice = address.getKey().replaceFirst("\\..*", "");
            if (address.getValue().equals(authority) || address.getValue().equals(authority + ":8020")) {
                stores.add("hdfs://" + nameservice.toLowerCase(Locale.ROOT));
            }
        }
        try {
            String service = path.getFileSystem(hadoop).getCanonicalServiceName();
            if (service != null) {
                stores.add(service);
            }
        } catch (RuntimeException unknownHost) {
            // Then two hosts are the same only if they are spelled alike.
        }
        return stores;
    }

    private static List<Object> inodes(Path path) throws IOException {
        List<Object> inodes = new ArrayList<>();
        if (path.toUri().getScheme().equals("file")) {
            for (java.nio.file.Path p = java.nio.file.Path.of(path.toUri().getPath()); p != null; p = p.getParent()) {
                inodes.add(
                        Files.exists(p)
                                ? Files.readAttributes(p, BasicFileAttributes.class)
                                        .fileKey()
                                : null);
            }
        }
        return inodes;
    }
}
