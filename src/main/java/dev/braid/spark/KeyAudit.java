package dev.braid.spark;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import dev.braid.InputException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.types.BinaryType;

/**
 * Looks at the keys of all tables, and at nothing else: each key must stand once in every table. One pass counts what
 * is wrong; a further one fetches examples, for a kind of fault that there is.
 */
final class KeyAudit {
    private static final int EXAMPLES = 5;
    private static final String KEY = PairedTable.KEY;
    private static final String SIDE = "side";

    private final List<String> names;
    private final String keyColumn;
    private final List<Fault> faults;
    /** A row per distinct key: the key, and per table how often it stands there. */
    private final Dataset<Row> counts;

    /** One kind of fault: the keys that have it, and how its message goes on around their number. */
    private record Fault(Column condition, Column number, String before, String after) {}

    /**
     * An audit that has not looked yet.
     *
     * @param tables each with a column {@link PairedTable#KEY}
     * @param names how messages call the tables
     * @param keyColumn how messages call the key
     * @param tasks how many tasks count
     */
    KeyAudit(List<Dataset<Row>> tables, List<String> names, String keyColumn, int tasks) {
        this.names = names;
        this.keyColumn = keyColumn;
        this.counts = counts(tables, tasks);
        this.faults = faults();
    }

    /**
     * The number of rows, the same in every table.
     *
     * @throws InputException with every null key, double key and missing key counted, and examples
     */
    long rows() {
        List<Column> totals = new ArrayList<>();
        totals.add(total(col(side(0))));
        faults.forEach(fault ->
                totals.add(total(when(fault.condition(), fault.number()).otherwise(0))));
        Row found = counts.agg(totals.get(0), totals.subList(1, totals.size()).toArray(Column[]::new))
                .head();
        List<String> problems = new ArrayList<>();
        for (int f = 0; f < faults.size(); f++) {
            if (found.getLong(1 + f) > 0) {
                problems.add(problem(faults.get(f), found.getLong(1 + f)));
            }
        }
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot pair rows by key '" + keyColumn + "'", problems);
        }
        return found.getLong(0);
    }

    private static Dataset<Row> counts(List<Dataset<Row>> tables, int tasks) {
        Dataset<Row> keys = null;
        List<Column> sides = new ArrayList<>();
        for (int t = 0; t < tables.size(); t++) {
            Dataset<Row> own = tables.get(t).select(col(KEY), lit(t).as(SIDE));
            keys = keys == null ? own : keys.union(own);
            sides.add(sum(when(col(SIDE).equalTo(t), 1L).otherwise(0L)).as(side(t)));
        }
        return keys.repartition(tasks, col(KEY))
                .groupBy(col(KEY))
                .agg(sides.get(0), sides.subList(1, sides.size()).toArray(Column[]::new));
    }

    private List<Fault> faults() {
        List<Fault> all = new ArrayList<>();
        for (int t = 0; t < names.size(); t++) {
            String name = names.get(t);
            String table = "table '" + name + "': expected ";
            all.add(new Fault(col(KEY).isNull(), col(side(t)), table + "a key in every row, got null in ", " rows"));
            all.add(new Fault(
                    col(KEY).isNotNull().and(col(side(t)).gt(1)),
                    lit(1L),
                    table + "every key once, got ",
                    " keys more than once"));
            Column elsewhere = lit(false);
            for (int other = 0; other < names.size(); other++) {
                elsewhere =
                        other == t ? elsewhere : elsewhere.or(col(side(other)).gt(0));
            }
            String others = names.stream()
                    .filter(other -> !other.equals(name))
                    .map(other -> "'" + other + "'")
                    .collect(Collectors.joining(", "));
            all.add(new Fault(
                    col(KEY).isNotNull().and(col(side(t)).equalTo(0)).and(elsewhere),
                    lit(1L),
                    table + "every key of " + others + ", got ",
                    " keys missing"));
        }
        return all;
    }

    private String problem(Fault fault, long number) {
        String text = fault.before() + number + fault.after();
        boolean binary = counts.schema().fields()[0].dataType() instanceof BinaryType;
        Column printed = binary ? functions.hex(col(KEY)) : col(KEY).cast("string");
        List<Row> examples = counts.filter(fault.condition().and(col(KEY).isNotNull()))
                .orderBy(col(KEY))
                .select(printed)
                .limit(EXAMPLES)
                .collectAsList();
        return examples.isEmpty()
                ? text
                : examples.stream()
                        .map(row -> "'" + row.getString(0) + "'")
                        .collect(Collectors.joining(", ", text + ", such as ", ""));
    }

    private static Column total(Column number) {
        return coalesce(sum(number), lit(0L));
    }

    private static String side(int table) {
        return "n" + table;
    }
}
