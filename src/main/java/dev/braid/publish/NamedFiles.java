package dev.braid.publish;

import dev.braid.InputException;
import dev.braid.Numbers;
import dev.braid.failure.Diagnosis;
import dev.braid.failure.SparkFailure;
import dev.braid.storage.Footers;
import dev.braid.storage.StorageCalls;
import dev.braid.storage.TablePath;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.Type;

/** Checks the Parquet files that a manifest names: reads their footers in a directory and notes problems. Driver only. */
public final class NamedFiles {
    private final FileSystem files;
    private final Configuration hadoop;
    private final List<String> problems;

    /**
     * A file that the manifest names.
     *
     * @param name its path in the table
     * @param footer null if it cannot be read
     * @param problem why it cannot be read; null if it can
     */
    public record NamedFile(String name, FileStatus status, Footers.All footer, String problem) {
        public long rows() {
            return footer.rows().rows();
        }

        public MessageType columns() {
            return footer.first().type();
        }
    }

    /**
     * Files of a file system.
     *
     * @param problems takes the problems that are found
     */
    public NamedFiles(FileSystem files, Configuration hadoop, List<String> problems) {
        this.files = files;
        this.hadoop = hadoop;
        this.problems = problems;
    }

    /**
     * The files of a directory that can be read. Adds a problem for each file that is missing, damaged or has another number
     * of rows.
     *
     * @param prefix put before their names in messages
     * @param named the expected number of rows of each file
     * @param alone whether any other file is a problem
     */
    public List<NamedFile> readable(Path directory, String prefix, Map<String, Long> named, boolean alone)
            throws IOException {
        Map<String, Long> missing = new TreeMap<>(named);
        Map<String, FileStatus> present = new TreeMap<>();
        TableDirectory.entries(directory, files).forEach((name, entry) -> {
            if (named.containsKey(name)) {
                missing.remove(name);
                present.put(name, entry);
            } else if (alone && (!TablePath.isHidden(entry.getPath().getName()) || name.endsWith(".parquet"))) {
                problems.add("'" + prefix + name + "': expected only files that the manifest names, got another "
                        + (entry.isDirectory() ? "directory" : "file"));
            }
        });
        missing.forEach((name, rows) -> problems.add(
                "'" + prefix + name + "': expected a file of " + Numbers.plain(rows, "row") + ", got none"));
        List<NamedFile> readable = new ArrayList<>();
        for (NamedFile file : StorageCalls.all(List.copyOf(present.entrySet()), this::read)) {
            long rows = named.get(file.name());
            if (file.problem() != null) {
                problems.add("'" + prefix + file.name() + "': " + file.problem());
            } else {
                readable.add(file);
                if (rows != file.rows()) {
                    problems.add("'" + prefix + file.name() + "': expected " + Numbers.plain(rows, "row") + ", got "
                            + file.rows());
                }
            }
        }
        return readable;
    }

    private NamedFile read(Map.Entry<String, FileStatus> named) throws IOException {
        FileStatus file = named.getValue();
        try {
            return new NamedFile(named.getKey(), file, Footers.read(List.of(file), name -> true, hadoop), null);
        } catch (InputException | IOException failure) {
            if (!Diagnosis.isPermanent(failure)) {
                throw failure;
            }
            return new NamedFile(
                    named.getKey(),
                    file,
                    null,
                    failure instanceof InputException
                            ? failure.getMessage()
                            : "expected an intact Parquet file, got '" + SparkFailure.firstLine(failure) + "'");
        }
    }

    /** The files that have the same columns as the first one. Adds a problem for each of the others. */
    public List<NamedFile> withColumnsOfTheFirst(List<NamedFile> given) {
        List<NamedFile> alike = new ArrayList<>();
        for (NamedFile file : given) {
            MessageType first = given.get(0).columns();
            if (file.columns().equals(first)) {
                alike.add(file);
            } else {
                String names = names(file.columns());
                problems.add("'" + file.name() + "': expected the columns of '"
                        + given.get(0).name() + "', " + names(first) + ", got "
                        + (names.equals(names(first)) ? "the same names of other types" : names));
            }
        }
        return alike;
    }

    private static String names(MessageType columns) {
        return columns.getFields().stream().map(Type::getName).collect(Collectors.joining("', '", "'", "'"));
    }
}
