package dev.braid.destination;

import static java.util.Objects.requireNonNull;

import dev.braid.Shown;
import dev.braid.parquet.FileSchema;
import dev.braid.publish.Json;
import dev.braid.publish.Lengths;
import dev.braid.publish.Partitioning;
import dev.braid.publish.Shard;
import dev.braid.rows.RowWriter;
import dev.braid.rows.SourceFile;
import dev.braid.rows.StoredRow;
import dev.braid.rows.VectorOutput;
import dev.braid.task.FileAttempt;
import dev.braid.task.FusedColumn;
import dev.braid.task.RowHash;
import dev.braid.task.Tally;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.FlatMapFunction2;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;

/** Copies a published file in a Spark task, and leaves out the rows whose numbers it is given. */
final class CopyTask implements FlatMapFunction2<Iterator<StoredRow>, Iterator<long[]>, String> {
    private static final long serialVersionUID = 1L;

    private final StructType columns;
    private final FileSchema schema;
    private final int fused;
    private final String table;
    private final String directory;
    private final String run;
    private final SerializableConfiguration settings;

    /**
     * What a task has read from a file.
     *
     * @param file its URI
     * @param rows rows that were read
     * @param kept how many of these are in the copy
     * @param fingerprint of all rows that were read
     */
    record Part(String file, long rows, long kept, String fingerprint) {}

    /**
     * What a task has written. Tasks return it as JSON because every serializer handles text.
     *
     * @param file the copy's path in the table; null if no row stays
     * @param counted whether a column holds the token counts of each row
     * @param tokens of its rows, if they are counted
     * @param lengths of its rows, if they are counted and there are any
     */
    record Copy(
            String file,
            long rows,
            boolean counted,
            long tokens,
            Lengths lengths,
            String fingerprint,
            List<Part> parts) {
        Copy {
            requireNonNull(parts);
        }
    }

    /**
     * A task for files with these columns.
     *
     * @param columns of the rows that are read: the key, the fused columns in their order, the others
     * @param schema of the copies
     * @param fused the number of fused columns
     * @param table the table that the files are read from
     */
    CopyTask(
            StructType columns,
            FileSchema schema,
            int fused,
            Path table,
            String directory,
            String run,
            Configuration settings) {
        this.columns = columns;
        this.schema = schema;
        this.fused = fused;
        this.table = table.toUri().getPath();
        this.directory = directory;
        this.run = run;
        this.settings = new SerializableConfiguration(settings);
    }

    /** Where a column of the copy comes from. */
    private record From(int ordinal, DataType type) {}

    private List<From> from(Iterable<String> names) {
        List<From> found = new ArrayList<>();
        for (String name : names) {
            int ordinal = columns.fieldIndex(name);
            found.add(new From(ordinal, columns.fields()[ordinal].dataType()));
        }
        return found;
    }

    @Override
    public Iterator<String> call(Iterator<StoredRow> rows, Iterator<long[]> numbers) throws IOException {
        long[] gone = numbers.hasNext() ? numbers.next() : new long[0];
        List<From> others = from(
                Arrays.stream(schema.others().fields()).map(StructField::name).toList());
        List<From> vectors = from(schema.vectors());
        RowHash hash = new RowHash(new StructType(Arrays.copyOf(columns.fields(), 1 + fused)));
        int lengths = Arrays.asList(columns.fieldNames()).subList(0, 1 + fused).indexOf(FusedColumn.LENGTHS);
        SourceFile source = new SourceFile();
        String partition =
                rows.hasNext() ? partition(source.current()) : ""; // Spark opens the file when hasNext() is called.
        Map<String, long[]> parts = new LinkedHashMap<>();
        RowWriter writer = new RowWriter(others.size());
        String name = String.format(Locale.ROOT, "%spart-c%05d-%s", partition, TaskContext.getPartitionId(), run);
        Tally copied = new Tally();
        int next = 0;
        try (FileAttempt file = new FileAttempt(new Path(directory), name, 1, schema, settings.value())) {
            for (long number = 0; rows.hasNext(); number++) {
                InternalRow row = rows.next().values();
                long own = hash.of(row);
                long[] part = parts.computeIfAbsent(source.current(), uri -> sums(uri, partition));
                part[0]++;
                part[2] += own;
                if (next < gone.length && gone[next] == number) {
                    next++;
                    continue;
                }
                part[1]++;
                copied.add(lengths < 0 ? 0 : sum(row, lengths), false, own);
                VectorOutput out = file.vectors();
                out.begin();
                for (int v = 0; v < vectors.size(); v++) {
                    copy(row, vectors.get(v), out, v);
                }
                writer.begin();
                for (int c = 0; c < others.size(); c++) {
                    writer.copy(c, row, others.get(c).ordinal(), others.get(c).type());
                }
                file.open().end(writer.row());
            }
            List<Part> read = new ArrayList<>();
            parts.forEach((uri, sums) -> read.add(new Part(uri, sums[0], sums[1], Shard.hex(sums[2]))));
            String published = file.publish();
            Copy copy = new Copy(
                    published == null ? null : partition + published,
                    copied.rows(),
                    lengths >= 0,
                    copied.tokens(),
                    lengths < 0 ? null : copied.lengths(),
                    Shard.hex(copied.fingerprint()),
                    read);
            return List.of(Json.text(copy)).iterator();
        }
    }

    /** New sums for a file: rows read, rows kept, fingerprint. All files of a task must be in the same partition. */
    private long[] sums(String uri, String partition) {
        if (!partition(uri).equals(partition)) {
            throw new IllegalStateException(
                    "expected files of partition '" + partition + "', got '" + Shown.path(uri) + "' in the same task");
        }
        return new long[3];
    }

    /** The directory of a file relative to the table, with a slash at the end; empty if it is the table's own. */
    private String partition(String uri) {
        String directory = Partitioning.of(SourceFile.path(uri));
        return directory.equals(table) ? "" : directory.substring(table.length() + 1) + "/";
    }

    private static void copy(InternalRow row, From from, VectorOutput out, int place) {
        if (!(from.type() instanceof ArrayType array)) {
            byte[] bytes = row.getBinary(from.ordinal());
            out.bytes(place, bytes, bytes.length);
        } else if (array.elementType() instanceof ArrayType) {
            ArrayData list = row.getArray(from.ordinal());
            out.beginList(place, list.numElements());
            for (int i = 0; i < list.numElements(); i++) {
                out.next(place, i, list.getArray(i).toFloatArray(), 0);
            }
            out.endList(place);
        } else {
            out.floats(place, row.getArray(from.ordinal()).toFloatArray(), 0);
        }
    }

    private int sum(InternalRow row, int lengths) {
        int groups = ((StructType) columns.fields()[lengths].dataType()).size();
        InternalRow counts = row.getStruct(lengths, groups);
        int sum = 0;
        for (int g = 0; g < groups; g++) {
            sum += counts.getInt(g);
        }
        return sum;
    }
}
