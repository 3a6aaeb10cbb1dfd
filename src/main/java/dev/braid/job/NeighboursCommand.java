package dev.braid.job;

import dev.braid.InputException;
import dev.braid.destination.PublishedTable;
import dev.braid.failure.Diagnosis;
import dev.braid.failure.TransientException;
import java.io.PrintWriter;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.AnalysisException;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/**
 * Prints the nearest neighbours of a few rows of a fused table, by the cosine of their {@code fused} vectors. Compares each
 * of these rows with every row and holds all rows in memory: for small tables, not a search engine.
 */
@Command(
        name = "neighbours",
        description = "Shows the nearest neighbours of a few rows of a fused table, by cosine.",
        customSynopsis = "jobs/braid neighbours --table PATH --key COL --of KEY,... [OPTION]...",
        sortOptions = false,
        footer = {
            "",
            "Reads at most " + NeighboursCommand.MOST_ROWS + " rows. Exit codes as those of jobs/fuse.sh.",
            "",
            "Example:",
            "  jobs/braid neighbours --table fused --key id --label name --of 17,42 --count 3"
        })
final class NeighboursCommand implements Callable<Integer> {
    static final int MOST_ROWS = 20_000;

    @Option(names = "--table", required = true, paramLabel = "PATH", description = "A table that jobs/fuse.sh wrote.")
    private String table;

    @Option(names = "--key", required = true, paramLabel = "COL", description = "Its key column.")
    private String key;

    @Option(
            names = "--label",
            paramLabel = "COL,...",
            split = ",",
            hideParamSyntax = true,
            description = "Columns to print for a row. Default: the key.")
    private List<String> labels = new ArrayList<>();

    @Option(
            names = "--of",
            required = true,
            paramLabel = "KEY,...",
            split = ",",
            hideParamSyntax = true,
            description = "Keys of the rows whose neighbours to show")
    private List<String> of;

    @Option(
            names = "--count",
            paramLabel = "N",
            converter = InputOptions.AtLeastOne.class,
            defaultValue = "5",
            description = "Neighbours of each. Default: ${DEFAULT-VALUE}.")
    private int count;

    @Spec
    private CommandSpec spec;

    /** One row of the table, with its vector scaled to length 1. */
    private record Entry(String key, String label, FloatBuffer direction) {}

    /** A row and its cosine with the query row. */
    private record Neighbour(Entry entry, double cosine) {}

    @Override
    public Integer call() {
        try (Session session = Session.open("neighbours")) {
            List<Entry> entries = read(session.spark());
            PrintWriter out = spec.commandLine().getOut();
            for (Entry entry : of.stream().map(wanted -> find(wanted, entries)).toList()) {
                out.println(entry.label());
                for (Neighbour neighbour : nearest(entry, entries, count)) {
                    out.printf(
                            Locale.ROOT,
                            "  %6.3f  %s%n",
                            neighbour.cosine(),
                            neighbour.entry().label());
                }
            }
            return ExitCode.DONE;
        }
    }

    private Dataset<Row> open(SparkSession spark) {
        try {
            Path path = new Path(table);
            if (!path.getFileSystem(spark.sparkContext().hadoopConfiguration()).exists(path)) {
                throw new InputException("Cannot read fused table '" + table + "': expected a directory, got none");
            }
            return PublishedTable.rows(spark, table);
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            throw unreadable(failure);
        }
    }

    /** The exception to throw instead of one that says why the table cannot be read. */
    private RuntimeException unreadable(Exception failure) {
        if (failure instanceof InputException refused) {
            return refused;
        }
        String attempt = "Cannot read fused table '" + table + "': ";
        Diagnosis diagnosis = Diagnosis.of(failure);
        if (!diagnosis.isPermanent()) {
            return new TransientException(attempt + diagnosis.message(), failure);
        }
        return new InputException(
                attempt + "expected intact Parquet files, got "
                        + (failure instanceof AnalysisException ? "none" : "'" + diagnosis.cause() + "'"),
                failure);
    }

    private List<Entry> read(SparkSession spark) {
        Dataset<Row> rows = open(spark);
        List<String> wanted = new ArrayList<>(List.of(key, "fused"));
        wanted.addAll(labels);
        List<String> columns = Arrays.asList(rows.columns());
        for (String column : wanted) {
            if (!columns.contains(column)) {
                throw new InputException("Cannot read fused table '" + table + "': expected column '" + column
                        + "', got " + columns.stream().collect(Collectors.joining("', '", "'", "'")));
            }
        }
        DataType fusedType = rows.schema().apply("fused").dataType();
        if (!(fusedType instanceof ArrayType)) {
            throw new InputException("Cannot read fused table '" + table
                    + "': expected column 'fused' of type array<float>," + " got " + fusedType.simpleString());
        }
        Dataset<Row> selected = rows.select(wanted.stream()
                        .map(column -> {
                            Column named = PublishedTable.column(column);
                            return column.equals("fused") ? named.cast("array<float>") : named.cast("string");
                        })
                        .toArray(Column[]::new))
                .limit(MOST_ROWS + 1);
        List<Row> found;
        try {
            found = selected.collectAsList();
        } catch (Exception failure) { // Spark throws checked exceptions that it does not declare
            throw unreadable(failure);
        }
        if (found.size() > MOST_ROWS) {
            throw new InputException("Cannot show neighbours in '" + table + "': expected at most " + MOST_ROWS
                    + " rows (all are held in memory), got more");
        }
        return found.stream().map(this::entry).toList();
    }

    private Entry entry(Row row) {
        List<Float> fused = row.getList(1);
        float[] direction = new float[fused.size()];
        double squares = 0;
        for (int i = 0; i < direction.length; i++) {
            direction[i] = fused.get(i);
            squares += (double) direction[i] * direction[i];
        }
        double length = Math.sqrt(squares);
        for (int i = 0; i < direction.length; i++) {
            direction[i] = (float) (direction[i] / length);
        }
        List<String> words = new ArrayList<>();
        for (int i = 0; i < labels.size(); i++) {
            words.add(row.getString(2 + i));
        }
        return new Entry(
                row.getString(0),
                labels.isEmpty() ? row.getString(0) : String.join("  ", words),
                FloatBuffer.wrap(direction));
    }

    private Entry find(String wanted, List<Entry> entries) {
        return entries.stream()
                .filter(entry -> entry.key().equals(wanted))
                .findFirst()
                .orElseThrow(() -> new InputException("Cannot show neighbours of '" + wanted
                        + "': expected a value of column '" + key + "' in '" + table + "', got none"));
    }

    private static List<Neighbour> nearest(Entry entry, List<Entry> entries, int count) {
        return entries.stream()
                .filter(other -> !other.key().equals(entry.key()))
                .map(other -> new Neighbour(other, cosine(entry.direction(), other.direction())))
                .sorted(Comparator.comparingDouble(Neighbour::cosine).reversed())
                .limit(count)
                .toList();
    }

    private static double cosine(FloatBuffer one, FloatBuffer other) {
        double sum = 0;
        for (int i = 0; i < one.capacity(); i++) {
            sum += (double) one.get(i) * other.get(i);
        }
        return sum;
    }
}
