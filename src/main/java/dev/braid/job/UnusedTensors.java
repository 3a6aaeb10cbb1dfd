package dev.braid.job;

import dev.braid.Numbers;
import dev.braid.checkpoint.TensorEntry;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The tensors that a model does not use, as text: each one, or grouped by prefix if there are many. */
record UnusedTensors(List<TensorEntry> entries) {
    private static final int MOST_LINES = 20;

    @Override
    public String toString() {
        if (entries.isEmpty()) {
            return "unused: none";
        }
        TextTable table = TextTable.headed("unused", "tensors", "bytes");
        groups().forEach((name, tensors) ->
                table.add(name, Numbers.count(tensors.size()), Numbers.count(bytes(tensors))));
        if (entries.size() > 1) {
            table.add("all", Numbers.count(entries.size()), Numbers.count(bytes(entries)));
        }
        return table.toString();
    }

    /** Grouped by the longest prefix that gives at most {@link #MOST_LINES} groups; by the first word if no prefix does. */
    private Map<String, List<TensorEntry>> groups() {
        int words = 1;
        Map<String, List<TensorEntry>> groups = groups(words);
        while (groups.size() < entries.size()) {
            Map<String, List<TensorEntry>> finer = groups(++words);
            if (finer.size() > MOST_LINES) {
                break;
            }
            groups = finer;
        }
        Map<String, List<TensorEntry>> named = new LinkedHashMap<>();
        groups.forEach((prefix, tensors) ->
                named.put(tensors.size() == 1 ? tensors.get(0).name() : prefix + ".*", tensors));
        return named;
    }

    private Map<String, List<TensorEntry>> groups(int words) {
        Map<String, List<TensorEntry>> groups = new LinkedHashMap<>();
        for (TensorEntry entry : entries) {
            String[] all = entry.name().split("\\.", -1);
            String prefix = String.join(".", Arrays.copyOf(all, Math.min(words, all.length)));
            groups.computeIfAbsent(prefix, unknown -> new ArrayList<>()).add(entry);
        }
        return groups;
    }

    private static long bytes(List<TensorEntry> tensors) {
        return tensors.stream()
                .mapToLong(tensor -> tensor.end() - tensor.begin())
                .sum();
    }
}
