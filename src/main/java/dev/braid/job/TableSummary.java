package dev.braid.job;

import dev.braid.Numbers;
import dev.braid.plan.TableInspection;
import dev.braid.plan.TableInspection.Lengths;
import dev.braid.plan.TableInspection.Table;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** Feature tables as text: each table with its columns, then the sequence lengths. */
record TableSummary(TableInspection tables) {

    @Override
    public String toString() {
        List<String> parts = new ArrayList<>();
        for (Table table : tables.tables()) {
            TextTable columns = TextTable.plain();
            Arrays.stream(table.schema().fields())
                    .forEach(field ->
                            columns.add("  " + field.name(), field.dataType().catalogString()));
            parts.add(String.format(Locale.ROOT, "%s: %,d rows%n%s", table.path(), table.rows(), columns));
        }
        if (!tables.lengths().isEmpty()) {
            TextTable lengths = TextTable.headed("tokens of", "rows seen", "shortest", "median", "95 %", "longest");
            tables.lengths().forEach((modality, found) -> add(lengths, modality, found));
            if (tables.rowLengths() != null) {
                add(lengths, "a row", tables.rowLengths());
            }
            parts.add(lengths.toString());
        }
        if (!tables.references().isEmpty()) {
            TextTable pairs = TextTable.headed("pairs per row of", "rows", "in no pair", "median", "95 %", "most");
            tables.references()
                    .forEach((modality, found) -> pairs.add(
                            modality,
                            Numbers.count(found.rows()),
                            Numbers.count(found.unreferenced()),
                            Numbers.count(found.median()),
                            Numbers.count(found.percentile95()),
                            Numbers.count(found.most())));
            parts.add(pairs.toString());
        }
        return String.join("\n\n", parts);
    }

    private static void add(TextTable table, String name, Lengths lengths) {
        table.add(
                name,
                Numbers.count(lengths.rows()),
                Numbers.count(lengths.shortest()),
                Numbers.count(lengths.median()),
                Numbers.count(lengths.percentile95()),
                Numbers.count(lengths.longest()));
    }
}
