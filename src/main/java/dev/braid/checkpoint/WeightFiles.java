package dev.braid.checkpoint;

import dev.braid.InputException;
import java.io.Closeable;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * The tensors of a model directory under their {@link CleanNames clean names}, from one file or from the shards that
 * an index lists. Opening reads the headers; the bytes of a tensor are read only when it is asked for.
 */
final class WeightFiles implements Closeable {
    static final String ONE = "model.safetensors";
    static final String INDEX = ONE + ".index.json";

    private final String name;
    private final List<SafetensorsFile> files;
    private final CleanNames names;
    private final Map<String, SafetensorsFile> fileOf = new HashMap<>();
    private final Map<String, TensorEntry> entries = new LinkedHashMap<>();
    private final Map<String, String> aliases = new LinkedHashMap<>();

    /** @param aliases further names of tensors, each with the stored name */
    private WeightFiles(String name, List<SafetensorsFile> files, Map<String, String> aliases) {
        this.name = name;
        this.files = files;
        List<String> all = new ArrayList<>(aliases.keySet());
        files.forEach(file -> all.addAll(file.entries().keySet()));
        this.names = new CleanNames(all);
        files.forEach(this::add);
        aliases.forEach(this::addAlias);
    }

    /**
     * Opens one file.
     *
     * @throws InputException if the file does not exist or is not a safetensors file
     */
    static WeightFiles openOne(Path directory, String name, Configuration hadoop) {
        SafetensorsFile file = SafetensorsFile.open(new Path(directory, name), hadoop);
        return new WeightFiles(name, List.of(file), file.aliases());
    }

    /**
     * Opens every shard.
     *
     * @param name the file name of the index
     * @param index the bytes of the index
     * @throws InputException if the index is broken, or a shard is missing, broken, or has other tensors than the index
     *     says
     */
    static WeightFiles openShards(Path directory, String name, byte[] index, Configuration hadoop) {
        ShardIndex shards = ShardIndex.read(name, index);
        List<SafetensorsFile> files = new ArrayList<>();
        try {
            List<String> problems = new ArrayList<>();
            shards.tensorsOf().forEach((shard, tensors) -> {
                try {
                    SafetensorsFile file = SafetensorsFile.open(new Path(directory, shard), hadoop);
                    files.add(file);
                    shards.check(file, tensors, problems);
                } catch (InputException e) {
                    boolean missing = e.getCause() instanceof FileNotFoundException;
                    problems.add(
                            missing
                                    ? "Cannot read " + shard + ": expected it next to " + name
                                            + ", which names it, got no such file; copy it there too"
                                    : e.getMessage());
                }
            });
            ShardIndex.fail(problems);
            Map<String, String> aliases = new LinkedHashMap<>(shards.aliases());
            files.forEach(file -> aliases.putAll(file.aliases()));
            return new WeightFiles(name, files, aliases);
        } catch (RuntimeException e) {
            try {
                close(files);
            } catch (IOException ignored) {
                e.addSuppressed(ignored);
            }
            throw e;
        }
    }

    private void add(SafetensorsFile file) {
        for (TensorEntry entry : file.entries().values()) {
            if (!names.isCounter(entry.name())) {
                put(names.of(entry.name()), entry, file);
            }
        }
    }

    private void addAlias(String alias, String ofStored) {
        String stored = names.of(ofStored);
        String clean = names.of(alias);
        if (entries.containsKey(stored) && !entries.containsKey(clean)) {
            put(clean, entries.get(stored), fileOf.get(stored));
            aliases.put(clean, stored);
        }
    }

    private void put(String clean, TensorEntry entry, SafetensorsFile file) {
        entries.put(clean, new TensorEntry(clean, entry.dtype(), entry.shape(), entry.begin(), entry.end()));
        fileOf.put(clean, file);
    }

    /** The name of the one file, or of the index. */
    String name() {
        return name;
    }

    /** How the names in the files were changed. */
    CleanNames names() {
        return names;
    }

    /** All tensors by name, aliases last. */
    Map<String, TensorEntry> entries() {
        return Collections.unmodifiableMap(entries);
    }

    /** Further names of stored tensors, each with the name under which the tensor is stored. */
    Map<String, String> aliases() {
        return Collections.unmodifiableMap(aliases);
    }

    /** The name of the file with a tensor; {@link #name} if there is no such tensor. */
    String file(String tensor) {
        SafetensorsFile file = fileOf.get(tensor);
        return file == null ? name : file.name();
    }

    /** Reads one of {@code slices} equal parts of the rows of a stored tensor. */
    StoredTensor read(String tensor, int slice, int slices) {
        SafetensorsFile file = fileOf.get(tensor);
        TensorEntry entry = entries.get(tensor);
        return slices == 1 ? file.read(entry) : file.readRows(entry, slice, slices);
    }

    @Override
    public void close() throws IOException {
        close(files);
    }

    private static void close(List<SafetensorsFile> files) throws IOException {
        IOException failure = null;
        for (SafetensorsFile file : files) {
            try {
                file.close();
            } catch (IOException e) {
                failure = e;
            }
        }
        if (failure != null) {
            throw failure;
        }
    }
}
