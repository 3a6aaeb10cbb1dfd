package dev.braid.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import dev.braid.InputException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The index of a state dict in shards.
 *
 * @param name the name of its file
 * @param tensorsOf the tensors of each shard, by the shard's file name
 * @param aliases further names of some of the tensors, each with the stored name. huggingface_hub stores tensors that
 *     share memory only once, and lists their other names in the metadata
 */
record ShardIndex(String name, Map<String, List<String>> tensorsOf, Map<String, String> aliases) {

    /** @throws InputException if {@code index} is not an index of shards */
    static ShardIndex read(String name, byte[] index) {
        List<String> problems = new ArrayList<>();
        Optional<JsonNode> root = ConfigReader.parse(index, name, problems);
        fail(problems);
        JsonNode map = root.orElseThrow().get("weight_map");
        if (map == null || !map.isObject() || map.isEmpty()) {
            throw new InputException("Cannot read 'weight_map' in " + name
                    + ": expected an object from tensor name to file name, got " + ConfigObject.shown(map));
        }
        Map<String, List<String>> tensorsOf = new LinkedHashMap<>();
        map.properties().forEach(field -> {
            JsonNode shard = field.getValue();
            if (shard.isTextual() && isFileName(shard.textValue())) {
                tensorsOf
                        .computeIfAbsent(shard.textValue(), unknown -> new ArrayList<>())
                        .add(field.getKey());
            } else {
                problems.add("Cannot read the shard of " + Quote.of(field.getKey()) + " in " + name
                        + ": expected the name of a file next to it, got " + ConfigObject.shown(shard));
            }
        });
        fail(problems);
        Set<String> tensors = new HashSet<>();
        tensorsOf.values().forEach(tensors::addAll);
        return new ShardIndex(name, tensorsOf, aliases(root.get().path("metadata"), tensors));
    }

    /** Finds the aliases in the metadata, which has other entries too, such as the total size. */
    private static Map<String, String> aliases(JsonNode metadata, Set<String> tensors) {
        Map<String, String> aliases = new LinkedHashMap<>();
        metadata.properties().forEach(field -> {
            String kept = field.getValue().asText();
            if (tensors.contains(kept) && !tensors.contains(field.getKey())) {
                aliases.put(field.getKey(), kept);
            }
        });
        return aliases;
    }

    /** Whether a shard's name is a plain file name, so that it cannot lead out of the model directory. */
    private static boolean isFileName(String name) {
        return name.endsWith(".safetensors")
                && name.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || c < ' ');
    }

    /** Reports tensors that a shard lacks, and a shard that has more tensors than the index says. */
    void check(SafetensorsFile file, List<String> tensors, List<String> problems) {
        for (String tensor : tensors) {
            if (!file.entries().containsKey(tensor)) {
                problems.add("Cannot find tensor " + Quote.of(tensor) + " in " + file.name() + ": expected it there ("
                        + name + "), got no such tensor");
            }
        }
        if (file.entries().size() > tensors.size()) {
            problems.add("Cannot read " + file.name() + ": expected " + tensors.size() + " tensors (" + name + "), got "
                    + file.entries().size());
        }
    }

    static void fail(List<String> problems) {
        if (!problems.isEmpty()) {
            throw new InputException(String.join("\n  ", problems));
        }
    }
}
