package dev.braid.checkpoint;

import java.util.List;
import java.util.Map;

/**
 * Which file a state dict was read from, and how the names in it were changed.
 *
 * @param file the file that was read, or the index of its shards
 * @param removed segments of wrappers that were removed from names, such as {@code _orig_mod}
 * @param renamedNorms how many LayerNorms are stored as gamma and beta
 * @param aliases names that the model uses for tensors stored under another name, each with the stored name
 */
public record StateDictReading(String file, List<String> removed, int renamedNorms, Map<String, String> aliases) {

    public StateDictReading {
        removed = List.copyOf(removed);
        aliases = Map.copyOf(aliases);
    }
}
