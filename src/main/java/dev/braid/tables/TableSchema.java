package dev.braid.tables;

import dev.braid.Shown;
import dev.braid.rows.FileColumns;
import dev.braid.rows.FileColumns.FileColumn;
import dev.braid.storage.Footers;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Collectors;

/**
 * Finds the columns of a table, and checks that its files agree on them. Spark takes the types from one file: it reads a
 * needed column as null in a file that lacks it, and fails late or reads wrong numbers in a file where the type differs. So
 * all files must have the needed columns, in one type or in types that every supported Spark reads exactly as one of them
 * ({@code StoredTypes}). A file without rows only has to be one that Spark can open.
 */
final class TableSchema {
    private final TableFiles files;
    private final Predicate<String> needed;
    private final boolean caseSensitive;
    private final boolean mayLack;
    private final List<Group> groups = new ArrayList<>();

    /** Files with the same needed columns. Either all of them have rows or none has. */
    private record Group(List<FileColumn> columns, List<String> files, boolean empty) {}

    /** Whether files have rows, and the schema that they share. */
    private record Kind(boolean empty, Footers.Schema schema) {}

    /** A type of a column, and the files in which the column has it. */
    private record Holders(FileColumn column, boolean empty, List<String> files) {}

    /**
     * The columns of a table.
     *
     * @param needed whether a run reads a column of that name
     * @param mayLack whether a file may lack needed columns, which are null then
     */
    TableSchema(TableFiles files, Predicate<String> needed, boolean caseSensitive, boolean mayLack) {
        this.files = files;
        this.needed = needed;
        this.caseSensitive = caseSensitive;
        this.mayLack = mayLack;
    }

    /** The columns of the first file, then needed ones that other files have, each with its {@link FileColumn#misfit}. */
    List<FileColumn> columns(Footers.All footers, FileColumns converter) {
        List<FileColumn> all = stored(converter.of(footers.first()));
        group(footers, converter);
        for (Group group : groups) {
            group.columns().stream()
                    .filter(column -> matches(all, column.name()).isEmpty())
                    .toList()
                    .forEach(all::add);
        }
        all.replaceAll(column ->
                needed.test(column.name()) && matches(all, column.name()).size() == 1 ? agreed(column) : column);
        return all;
    }

    private void group(Footers.All footers, FileColumns converter) {
        boolean noRows = footers.rows().rows() == 0;
        Map<Kind, List<String>> byKind = new LinkedHashMap<>();
        for (int f = 0; f < files.files().size(); f++) {
            Footers.Footer footer = footers.footers().get(f);
            Kind kind = new Kind(!noRows && footer.rows().rows() == 0, footer.schema());
            String path = files.files().get(f).getPath().toString();
            byKind.computeIfAbsent(kind, k -> new ArrayList<>()).add(path);
        }
        byKind.forEach(
                (kind, paths) -> groups.add(new Group(stored(converter.of(kind.schema())), paths, kind.empty())));
    }

    /** The columns without those that Spark takes from the names of directories. */
    private List<FileColumn> stored(List<FileColumn> columns) {
        return new ArrayList<>(columns.stream()
                .filter(column -> files.partitions().stream().noneMatch(name -> same(name, column.name())))
                .toList());
    }

    /** The column in a type that can be read in every file, or the reason why there is none. */
    private FileColumn agreed(FileColumn column) {
        List<String> lacking = new ArrayList<>();
        Map<String, Holders> types = new LinkedHashMap<>();
        for (Group group : groups) {
            List<FileColumn> own = matches(group.columns(), column.name());
            if (own.size() > 1) {
                return column.misfitting("once in every file, got " + own.size() + " that differ in case only in "
                        + Shown.names(TableFiles.NAMED, group.files()) + "; rename one");
            }
            if (!own.isEmpty()) {
                String type = own.get(0).typeName() + (group.empty() ? " without rows" : "");
                types.computeIfAbsent(type, t -> new Holders(own.get(0), group.empty(), new ArrayList<>()))
                        .files()
                        .addAll(group.files());
            } else if (!group.empty()) {
                lacking.addAll(group.files());
            }
        }
        if (!lacking.isEmpty() && !mayLack) {
            return column.misfitting("in every file, got none in " + Shown.names(TableFiles.NAMED, lacking)
                    + "; add it there, or set 'spark.sql.parquet.mergeSchema' to true to read null");
        }
        List<FileColumn> candidates = types.values().stream()
                .filter(type -> !type.empty())
                .map(Holders::column)
                .toList();
        return candidates.stream()
                .filter(type -> types.values().stream().allMatch(other -> reads(type, other)))
                .findFirst()
                .orElseGet(() -> candidates.isEmpty() ? column : column.misfitting(difference(types)));
    }

    private static boolean reads(FileColumn asked, Holders other) {
        return other.empty() ? asked.opens(other.column()) : asked.reads(other.column());
    }

    private static String difference(Map<String, Holders> types) {
        return "of one type in all files, got "
                + types.entrySet().stream()
                        .map(type -> type.getKey() + " in "
                                + Shown.names(TableFiles.NAMED, type.getValue().files()))
                        .collect(Collectors.joining(", "))
                + "; write them with one type";
    }

    private List<FileColumn> matches(List<FileColumn> columns, String name) {
        return columns.stream().filter(column -> same(column.name(), name)).toList();
    }

    private boolean same(String left, String right) {
        return SourceTable.same(caseSensitive, left, right);
    }
}
