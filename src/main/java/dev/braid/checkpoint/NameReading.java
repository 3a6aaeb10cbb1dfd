package dev.braid.checkpoint;

import java.util.List;
import java.util.Map;

/**
 * How the files of a state dict were taken, and how the names in them became those of the tensors.
 *
 * @param file the one that was read, or the index of its shards
 * @param removed segments of wrappers that were removed from names, such as {@code _orig_mod}
 * @param renamedNorms how many LayerNorms are stored as gamma and beta
 * @param aliases names that the model uses of tensors that are stored under another one, each with that
 */
public record NameReading(String file, List<String> removed, int renamedNorms, Map<String, String> aliases) {

    public NameReading {
        removed = List.copyOf(removed);
        aliases = Map.copyOf(aliases);
    }
}
