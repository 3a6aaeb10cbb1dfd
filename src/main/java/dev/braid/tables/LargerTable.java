package dev.braid.tables;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.hadoop.fs.Path;

/**
 * The table that a table's path names partitions of.
 *
 * @param base its directory; null if there is no such table
 * @param values the values in the names of the directories from there to the named ones, by column from the outermost
 */
record LargerTable(Path base, Map<String, Set<String>> values) {
    private static final LargerTable NONE = new LargerTable(null, Map.of());

    /** What all directories have in common; none if they are of several tables or have different columns. */
    static LargerTable of(List<Path> directories) {
        Set<Path> bases = new LinkedHashSet<>();
        Set<List<String>> columns = new LinkedHashSet<>();
        Map<String, Set<String>> values = new LinkedHashMap<>();
        for (Path directory : directories) {
            Path base = base(directory);
            List<String> own = new ArrayList<>();
            for (Path path = directory; !path.equals(base); path = path.getParent()) {
                own.add(0, path.getName());
            }
            bases.add(base);
            columns.add(own.stream().map(TableFiles::column).toList());
            own.forEach(name -> values.computeIfAbsent(TableFiles.column(name), c -> new LinkedHashSet<>())
                    .add(name.substring(name.indexOf('=') + 1)));
        }
        return bases.size() == 1 && columns.size() == 1 && !values.isEmpty()
                ? new LargerTable(bases.iterator().next(), values)
                : NONE;
    }

    /** The directory itself, or the nearest one above it, that is no partition. */
    static Path base(Path directory) {
        Path base = directory;
        while (base.getName().indexOf('=') > 0) {
            base = base.getParent();
        }
        return base;
    }
}
