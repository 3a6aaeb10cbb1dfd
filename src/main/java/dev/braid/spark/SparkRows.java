package dev.braid.spark;

import dev.braid.Shown;
import dev.braid.batch.Bytes;
import java.net.URI;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.CatalystTypeConverters;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.InputFileName;
import org.apache.spark.sql.catalyst.expressions.JoinedRow;
import org.apache.spark.sql.catalyst.expressions.RowOrdering;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.vectorized.WritableColumnVector;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarBatch;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.hash.Murmur3_x86_32;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * Reads rows in the forms in which Spark holds them: column batches of its file readers, and rows in its own memory layout
 * ({@code UnsafeRow}). Only this class, {@link StoredNumbers} and {@link RowWriter} use Spark's internal forms. {@code
 * .ci/every-spark} runs them with every supported version.
 */
final class SparkRows {
    /** The seed of Spark's hash partitioning. */
    private static final int HASH_SEED = 42;

    private SparkRows() {}

    /** The rows of a table as Spark's own plan gives them. */
    static JavaRDD<StoredRow> planned(Dataset<Row> table, int carried) {
        DataType[] types = types(table.schema());
        return internal(table).mapPartitions(rows -> new PlannedRows(rows, types, carried));
    }

    /** The same rows in Spark's internal form. */
    static JavaRDD<InternalRow> internal(Dataset<Row> table) {
        return table.queryExecution().toRdd().toJavaRDD();
    }

    /**
     * The rows of a table as views of the column batches that Spark's file reader fills. Spark's plan would copy each row,
     * number by number. Empty if Spark would not read the table in column batches.
     *
     * @param table a plain scan: stored columns, in their stored order
     * @param columns the columns of the rows, in their order; a name may occur more than once
     */
    static Optional<JavaRDD<StoredRow>> scanned(Dataset<Row> table, List<String> columns, int carried) {
        SparkPlan plan = table.queryExecution().sparkPlan();
        if (!plan.supportsColumnar()) {
            return Optional.empty();
        }
        StructType stored = plan.schema();
        int[] places = columns.stream().mapToInt(stored::fieldIndex).toArray();
        DataType[] types = Arrays.stream(places)
                .mapToObj(place -> stored.fields()[place].dataType())
                .toArray(DataType[]::new);
        return Optional.of(plan.executeColumnar()
                .toJavaRDD()
                .mapPartitions(batches -> new ScannedRows(batches, places, types, carried)));
    }

    /** The same for rows that already exist. */
    static Iterator<StoredRow> of(Iterator<InternalRow> rows, StructType schema, int carried) {
        return new PlannedRows(rows, types(schema), carried);
    }

    private static DataType[] types(StructType schema) {
        return Arrays.stream(schema.fields()).map(StructField::dataType).toArray(DataType[]::new);
    }

    /** Whether Spark can sort and group by a type. */
    static boolean isOrderable(DataType type) {
        return RowOrdering.isOrderable(type);
    }

    /** A value, not null, as messages show it. */
    static String print(InternalRow row, int ordinal, DataType type) {
        Object value = CatalystTypeConverters.convertToScala(row.get(ordinal, type), type);
        return Shown.value(
                value instanceof byte[] bytes ? HexFormat.of().withUpperCase().formatHex(bytes) : value.toString());
    }

    /** The bytes of a text that is not null. */
    static byte[] text(InternalRow row, int ordinal) {
        return row.getUTF8String(ordinal).getBytes();
    }

    /** Makes rows in Spark's memory layout; each is valid until the next one. */
    static final class ValueRows {
        private final UnsafeProjection toUnsafe;

        ValueRows(StructType schema) {
            this.toUnsafe = UnsafeProjection.create(schema);
        }

        /** A row of values in Spark's form; strings may be Java's. */
        InternalRow of(Object... values) {
            Object[] internal = Arrays.stream(values)
                    .map(value -> value instanceof String text ? UTF8String.fromString(text) : value)
                    .toArray();
            return toUnsafe.apply(new GenericInternalRow(internal));
        }
    }

    /** The file that a thread reads rows from. */
    static final class SourceFile {
        private final InputFileName expression = new InputFileName();
        private Object lastValue;
        private String last;

        SourceFile() {
            expression.initialize(0);
        }

        /** The path in a URI that {@link #current} gives. */
        static String path(String uri) {
            return URI.create(uri).getPath();
        }

        /** The file of a row; null if the row was joined from several files. */
        String of(StoredRow row) {
            return row.isOfOneFile() ? current() : null;
        }

        /**
         * The file's URI, as Spark's {@code input_file_name()} gives it, with passwords masked; null if the thread reads no
         * file, as after a shuffle.
         */
        String current() {
            Object value = expression.eval(null);
            if (value != lastValue) {
                lastValue = value;
                last = value.toString().isEmpty() ? null : Shown.path(value.toString());
            }
            return last;
        }
    }

    /** One {@link PlannedRow}, moved over the rows. */
    private static final class PlannedRows implements Iterator<StoredRow> {
        private final Iterator<InternalRow> rows;
        /** Converts rows of another form. This is rare, because Spark's plans end with unsafe rows. */
        private final UnsafeProjection toUnsafe;

        private final PlannedRow row;

        PlannedRows(Iterator<InternalRow> rows, DataType[] types, int carried) {
            this.rows = rows;
            this.toUnsafe = UnsafeProjection.create(types);
            this.row = new PlannedRow(UnsafeProjection.create(Arrays.copyOf(types, carried)), types.length);
        }

        @Override
        public boolean hasNext() {
            return rows.hasNext();
        }

        @Override
        public StoredRow next() {
            InternalRow next = rows.next();
            row.values = next instanceof UnsafeRow unsafe ? unsafe : toUnsafe.apply(next);
            return row;
        }
    }

    /** For each partition, a number that Spark's hash partitioning sends there. */
    static int[] routes(int partitions) {
        int[] routes = new int[partitions];
        boolean[] found = new boolean[partitions];
        int left = partitions;
        for (int number = 0; left > 0; number++) {
            int partition = Math.floorMod(Murmur3_x86_32.hashInt(number, HASH_SEED), partitions);
            if (!found[partition]) {
                found[partition] = true;
                routes[partition] = number;
                left--;
            }
        }
        return routes;
    }

    /** The rows in Spark's memory layout, each valid until the next one. */
    static Iterator<InternalRow> values(Iterator<StoredRow> rows, StructType schema) {
        UnsafeProjection toUnsafe = UnsafeProjection.create(types(schema));
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return rows.hasNext();
            }

            @Override
            public InternalRow next() {
                return toUnsafe.apply(rows.next().values());
            }
        };
    }

    /** A pair and the feature row that it refers to, as one row: the columns of the pair, then those of the feature row. */
    static final class MetRow extends StoredRow {
        private final int pairColumns;
        private final InternalRow none;
        private final JoinedRow values = new JoinedRow();
        private StoredRow pair;
        /** Null if the pair refers to none. */
        private StoredRow features;

        private long number;
        private long remembered = -1;

        /** A row that is not at a pair yet. */
        MetRow(int pairColumns, int featureColumns) {
            this.pairColumns = pairColumns;
            this.none = new GenericInternalRow(featureColumns);
        }

        /**
         * Moves to a pair.
         *
         * @param featureRow null if the pair refers to none
         * @param ofFeatures a number that differs for different feature rows
         */
        MetRow at(StoredRow pairRow, StoredRow featureRow, long ofFeatures) {
            pair = pairRow;
            features = featureRow;
            number = ofFeatures;
            values.apply(pair.values(), features == null ? none : features.values());
            return this;
        }

        @Override
        InternalRow values() {
            return values;
        }

        @Override
        InternalRow carried() {
            return pair.carried();
        }

        @Override
        boolean isOfOneFile() {
            return false;
        }

        @Override
        StoredNumbers numbers(int ordinal, FeatureType type) {
            return ordinal < pairColumns ? pair.numbers(ordinal, type) : features.numbers(ordinal - pairColumns, type);
        }

        @Override
        Bytes bytes(int ordinal) {
            return ordinal < pairColumns ? pair.bytes(ordinal) : features.bytes(ordinal - pairColumns);
        }

        @Override
        int length(int ordinal) {
            return ordinal < pairColumns ? pair.length(ordinal) : features.length(ordinal - pairColumns);
        }

        @Override
        void remember(int ordinal) {
            if (ordinal < pairColumns) {
                pair.remember(ordinal);
            } else {
                remembered = features == null ? -1 : number;
            }
        }

        @Override
        boolean repeats(int ordinal, FeatureType type) {
            return ordinal < pairColumns ? pair.repeats(ordinal, type) : number == remembered;
        }
    }

    /** The common part of planned and scanned rows. */
    private abstract static class SparkRow extends StoredRow {
        private final UnsafeProjection carried;

        SparkRow(UnsafeProjection carried) {
            this.carried = carried;
        }

        /** A view of a binary value; Spark stores binary and text alike. */
        abstract UTF8String view(int ordinal);

        @Override
        InternalRow carried() {
            return carried.apply(values()).copy();
        }

        @Override
        Bytes bytes(int ordinal) {
            UTF8String value = view(ordinal);
            Object base = value.getBaseObject();
            long offset = value.getBaseOffset();
            return (first, count, to) ->
                    Platform.copyMemory(base, offset + first, to, Platform.BYTE_ARRAY_OFFSET, count);
        }

        @Override
        int length(int ordinal) {
            return view(ordinal).numBytes();
        }
    }

    private static final class PlannedRow extends SparkRow {
        private UnsafeRow values;
        /** By ordinal; null if nothing is remembered. */
        private final Value[] remembered;

        PlannedRow(UnsafeProjection carried, int columns) {
            super(carried);
            this.remembered = new Value[columns];
        }

        /** The row's memory is reused, so a value is copied as a whole once it begins like the value before it. */
        @Override
        void remember(int ordinal) {
            if (values.isNullAt(ordinal)) {
                remembered[ordinal] = null;
            } else if (remembered[ordinal] == null) {
                remembered[ordinal] = new Value(view(ordinal));
            } else {
                remembered[ordinal].become(view(ordinal));
            }
        }

        @Override
        boolean repeats(int ordinal, FeatureType type) {
            return remembered[ordinal] != null && remembered[ordinal].isSame(view(ordinal));
        }

        @Override
        InternalRow values() {
            return values;
        }

        @Override
        StoredNumbers numbers(int ordinal, FeatureType type) {
            return new StoredNumbers.Unsafe(values, ordinal, type);
        }

        @Override
        UTF8String view(int ordinal) {
            return values.getUTF8String(ordinal);
        }
    }

    /** One {@link ScannedRow}, moved over the rows of column batches. */
    private static final class ScannedRows implements Iterator<StoredRow> {
        private final Iterator<ColumnarBatch> batches;
        private final int[] places;
        private final DataType[] types;
        private final int carried;
        private final UnsafeProjection carriedProjection;
        private ScannedRow scanned;
        /** The rows of a batch whose vectors Spark did not fill itself; else null. */
        private Iterator<StoredRow> planned;

        private int next;
        private int rows;

        ScannedRows(Iterator<ColumnarBatch> batches, int[] places, DataType[] types, int carried) {
            this.batches = batches;
            this.places = places;
            this.types = types;
            this.carried = carried;
            this.carriedProjection = UnsafeProjection.create(Arrays.copyOf(types, carried));
        }

        @Override
        public boolean hasNext() {
            while (next == rows && batches.hasNext()) {
                open(batches.next());
            }
            return next < rows;
        }

        private void open(ColumnarBatch batch) {
            ColumnVector[] columns = new ColumnVector[places.length];
            Arrays.setAll(columns, i -> batch.column(places[i]));
            ColumnarBatch inOrder = new ColumnarBatch(columns, batch.numRows());
            rows = batch.numRows();
            next = 0;
            boolean readable =
                    Arrays.stream(columns, carried, columns.length).allMatch(WritableColumnVector.class::isInstance);
            planned = readable ? null : new PlannedRows(inOrder.rowIterator(), types, carried);
            scanned = readable ? new ScannedRow(inOrder, columns, carriedProjection) : null;
        }

        @Override
        public StoredRow next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            int row = next++;
            return planned == null ? scanned.at(row) : planned.next();
        }
    }

    /** A remembered value. Its beginning is kept, and the whole value once the next one begins alike. */
    private static final class Value {
        private static final int BEGINNING = 64;

        private UTF8String beginning;
        private int length;
        /** Null if only the beginning is kept. */
        private UTF8String whole;

        Value(UTF8String value) {
            keep(value);
        }

        private void keep(UTF8String value) {
            beginning = beginning(value).copy();
            length = value.numBytes();
            whole = null;
        }

        private static UTF8String beginning(UTF8String value) {
            return UTF8String.fromAddress(
                    value.getBaseObject(), value.getBaseOffset(), Math.min(BEGINNING, value.numBytes()));
        }

        void become(UTF8String value) {
            if (length != value.numBytes() || !beginning.equals(beginning(value))) {
                keep(value);
            } else if (!isSame(value)) {
                whole = value.copy();
            }
        }

        boolean isSame(UTF8String value) {
            return whole != null && whole.equals(value);
        }
    }

    private static final class ScannedRow extends SparkRow {
        private static final int NONE = -1;

        private final ColumnarBatch batch;
        private final ColumnVector[] columns;
        private int row;
        private int remembered = NONE;
        private InternalRow values;

        ScannedRow(ColumnarBatch batch, ColumnVector[] columns, UnsafeProjection carried) {
            super(carried);
            this.batch = batch;
            this.columns = columns;
        }

        ScannedRow at(int index) {
            row = index;
            values = batch.getRow(index);
            return this;
        }

        @Override
        InternalRow values() {
            return values;
        }

        @Override
        StoredNumbers numbers(int ordinal, FeatureType type) {
            return numbers(ordinal, row, type);
        }

        private StoredNumbers numbers(int ordinal, int ofRow, FeatureType type) {
            return new StoredNumbers.Scanned((WritableColumnVector) columns[ordinal], ofRow, type);
        }

        @Override
        void remember(int ordinal) {
            remembered = row;
        }

        @Override
        boolean repeats(int ordinal, FeatureType type) {
            if (remembered == NONE || columns[ordinal].isNullAt(remembered)) {
                return false;
            }
            return type == FeatureType.BINARY
                    ? view(ordinal).equals(columns[ordinal].getUTF8String(remembered))
                    : numbers(ordinal, row, type).same(numbers(ordinal, remembered, type));
        }

        @Override
        UTF8String view(int ordinal) {
            return columns[ordinal].getUTF8String(row);
        }
    }
}
