package dev.braid.checkpoint;

import java.util.Collection;
import java.util.List;

/**
 * The names of the weight and the bias of one Linear or norm, or of a single tensor such as a CLS token. The weight may
 * be only some rows of a tensor: slice number {@code slice} of {@code slices} equal ones.
 *
 * @param names alternative names, the usual one first; * stands for weight or bias
 */
record ParameterNames(int slice, int slices, List<String> names) {

    static ParameterNames of(String... names) {
        return new ParameterNames(0, 1, List.of(names));
    }

    /** One of several weights that are stored in one matrix, one below the other. */
    static ParameterNames slice(int slice, int slices, String name) {
        return new ParameterNames(slice, slices, List.of(name));
    }

    /** The first alternative that is stored under {@code prefix}; if none is, the usual one. */
    String in(Collection<String> stored, String prefix) {
        if (names.size() == 1) {
            return prefix + names.get(0);
        }
        return names.stream()
                .map(prefix::concat)
                .filter(name -> isStored(name, stored))
                .findFirst()
                .orElse(prefix + names.get(0));
    }

    static boolean isStored(String name, Collection<String> stored) {
        return stored.contains(weight(name)) || stored.contains(bias(name));
    }

    static String weight(String name) {
        return name.replace("*", "weight");
    }

    static String bias(String name) {
        return name.replace("*", "bias");
    }
}
