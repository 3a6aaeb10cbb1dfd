package dev.braid.checkpoint;

import java.util.Collection;
import java.util.List;

/**
 * The name of one part of a model, a Linear or a LayerNorm: part {@code slice} of {@code slices} of a tensor's rows.
 *
 * @param names alternatives, the usual one first; * stands for weight or bias
 */
record Part(int slice, int slices, List<String> names) {

    static Part of(String... names) {
        return new Part(0, 1, List.of(names));
    }

    /** One of several parts that are the rows of one matrix, one below the other. */
    static Part slice(int slice, int slices, String name) {
        return new Part(slice, slices, List.of(name));
    }

    /** Of the alternatives under {@code prefix} the one that is stored, else the first. */
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
