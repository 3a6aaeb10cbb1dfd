package dev.braid.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
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
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * The tensors of a model directory: {@value #ONE}, or the shards that {@value #INDEX} names. Opening reads the headers; a
 * tensor's bytes are read when asked for.
 */
final class WeightFiles implements Closeable {
    static final String ONE = "model.safetensors";
    static final String INDEX = ONE + ".index.json";

    /** What torch.compile puts into the name of every tensor of a module; names are known without it. */
    static final String COMPILED = "_orig_mod.";

    private final String name;
    private final List<SafetensorsFile> files;
    private final Map<String, SafetensorsFile> fileOf = new LinkedHashMap<>();
    private final Map<String, TensorEntry> entries = new LinkedHashMap<>();
    /** The names in the files. */
    private final Map<String, String> stored = new HashMap<>();

    private WeightFiles(String name, List<SafetensorsFile> files) {
        this.name = name;
        this.files = files;
    }

    /**
     * Opens {@value #ONE}.
     *
     * @throws InputException if it is not there or not safetensors
     */
    static WeightFiles openOne(Path directory, Configuration hadoop) {
        SafetensorsFile file = SafetensorsFile.open(new Path(directory, ONE), hadoop);
        WeightFiles weights = new WeightFiles(ONE, List.of(file));
        weights.add(file);
        return weights;
    }

    /**
     * Opens every shard.
     *
     * @param index the bytes of {@value #INDEX}
     * @throws InputException if the index is broken, or a shard is missing, broken, or of other tensors than the index says
     */
    static WeightFiles openShards(Path directory, byte[] index, Configuration hadoop) {
        Map<String, List<String>> tensorsOf = readIndex(index);
        List<SafetensorsFile> files = new ArrayList<>();
        WeightFiles weights = new WeightFiles(INDEX, files);
        try {
            List<String> problems = new ArrayList<>();
            tensorsOf.forEach((shard, tensors) -> {
                try {
                    SafetensorsFile file = SafetensorsFile.open(new Path(directory, shard), hadoop);
                    files.add(file);
                    weights.checkShard(file, tensors, problems);
                    weights.add(file);
                } catch (InputException e) {
                    boolean missing = e.getCause() instanceof FileNotFoundException;
                    problems.add(
                            missing
                                    ? "Cannot read " + shard + ": expected it beside " + INDEX
                                            + ", which names it, got no such file; copy it there too"
                                    : e.getMessage());
                }
            });
            fail(problems);
            return weights;
        } catch (RuntimeException e) {
            try {
                weights.close();
            } catch (IOException ignored) {
                e.addSuppressed(ignored);
            }
            throw e;
        }
    }

    private static Map<String, List<String>> readIndex(byte[] index) {
        List<String> problems = new ArrayList<>();
        Optional<JsonNode> root = ConfigReader.parse(index, INDEX, problems);
        fail(problems);
        JsonNode map = root.orElseThrow().get("weight_map");
        if (map == null || !map.isObject() || map.isEmpty()) {
            throw new InputException("Cannot read 'weight_map' in " + INDEX
                    + ": expected an object from tensor name to file name, got " + ConfigObject.shown(map));
        }
        Map<String, List<String>> tensorsOf = new LinkedHashMap<>();
        map.properties().forEach(field -> {
            JsonNode shard = field.getValue();
            if (shard.isTextual() && isFileName(shard.textValue())) {
                tensorsOf
                        .computeIfAbsent(shard.textValue(), name -> new ArrayList<>())
                        .add(field.getKey());
            } else {
                problems.add("Cannot read the shard of " + Quote.of(field.getKey()) + " in " + INDEX
                        + ": expected the name of a file beside it, got " + ConfigObject.shown(shard));
            }
        });
        fail(problems);
        return tensorsOf;
    }

    /** Whether a shard's name can only be that of a file in the model directory. */
    private static boolean isFileName(String name) {
        return name.endsWith(".safetensors")
                && name.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || c < ' ');
    }

    private static void fail(List<String> problems) {
        if (!problems.isEmpty()) {
            throw new InputException(String.join("\n  ", problems));
        }
    }

    private void checkShard(SafetensorsFile file, List<String> tensors, List<String> problems) {
        for (String tensor : tensors) {
            if (!file.entries().containsKey(tensor)) {
                problems.add("Cannot find tensor " + Quote.of(tensor) + " in " + file.name() + ": expected it there ("
                        + INDEX + "), got no such tensor");
            }
        }
        if (file.entries().size() > tensors.size()) {
            problems.add("Cannot read " + file.name() + ": expected " + tensors.size() + " tensors (" + INDEX
                    + "), got " + file.entries().size());
        }
    }

    private void add(SafetensorsFile file) {
        for (TensorEntry entry : file.entries().values()) {
            String bare = entry.name().replace(COMPILED, "");
            String known = file.entries().containsKey(bare) ? entry.name() : bare;
            entries.put(known, new TensorEntry(known, entry.dtype(), entry.shape(), entry.begin(), entry.end()));
            fileOf.put(known, file);
            stored.put(known, entry.name());
        }
    }

    /** The file that names all tensors. */
    String name() {
        return name;
    }

    /** All tensors by name. */
    Map<String, TensorEntry> entries() {
        return Collections.unmodifiableMap(entries);
    }

    /** The file of a tensor, or what names all files where there is no such tensor. */
    String file(String tensor) {
        SafetensorsFile file = fileOf.get(tensor);
        return file == null ? name : file.name();
    }

    /** Reads one of {@code slices} equal parts of the rows of a tensor that is there. */
    StoredTensor read(String tensor, int slice, int slices) {
        SafetensorsFile file = fileOf.get(tensor);
        return slices == 1 ? file.read(stored.get(tensor)) : file.readRows(entries.get(tensor), slice, slices);
    }

    @Override
    public void close() throws IOException {
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
