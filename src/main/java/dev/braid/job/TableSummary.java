package dev.braid.job;

import dev.braid.spark.TableInspection;
import dev.braid.spark.TableInspection.Lengths;
import dev.braid.spark.TableInspection.Table;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** What was seen of feature tables, as text: each table with its columns, then the sequence lengths. */
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
        return String.join("\n\n", parts);
    }

    private static void add(TextTable table, String name, Lengths lengths) {
        table.add(
                name,
                count(lengths.rows()),
                count(lengths.shortest()),
                count(lengths.median()),
                count(lengths.percentile95()),
                count(lengths.longest()));
    }

    private static String count(int number) {
        return String.format(Locale.ROOT, "%,d", number);
    }
}
