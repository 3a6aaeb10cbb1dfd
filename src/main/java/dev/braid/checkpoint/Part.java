package dev.braid.checkpoint;

import java.util.Collection;
import java.util.List;

/**
 * The tensor names of one Linear or norm. Its weight may be only some rows of a tensor: slice number {@code slice} of
 * {@code slices} equal ones.
 *
 * @param names alternative names, the usual one first; * stands for weight or bias
 */
record Part(int slice, int slices, List<String> names) {

    static Part of(String... names) {
        return new Part(0, 1, List.of(names));
    }

    /** One of several parts that are stored in one matrix, one below the other. */
    static Part slice(int slice, int slices, String name) {
        return new Part(slice, slices, List.of(name));
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
