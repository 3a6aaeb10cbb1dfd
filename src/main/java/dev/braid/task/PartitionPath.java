package dev.braid.task;

import dev.braid.rows.SparkRows;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.time.LocalDate;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.BooleanType;
import org.apache.spark.sql.types.ByteType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DateType;
import org.apache.spark.sql.types.IntegerType;
import org.apache.spark.sql.types.LongType;
import org.apache.spark.sql.types.ShortType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.StructField;

/**
 * The directory of a row in a partitioned table, such as {@code dt=2026-11-26/lang=en}: one level per partition column, named
 * as Hive and Spark name it. Spark's {@code ExternalCatalogUtils.escapePathName} gives the same names.
 */
public final class PartitionPath implements Serializable {
    private static final long serialVersionUID = 1L;

    /** The value that stands for null. */
    static final String NULL = "__HIVE_DEFAULT_PARTITION__";

    /** The types of a partition column, as messages name them. */
    public static final String TYPES = "string, boolean, date or whole numbers";

    /** These characters, and control characters, are written as % and two hexadecimal digits. */
    private static final String ESCAPED = "\"#%'*/:=?\\{[]^";

    private static final int LAST_CONTROL = 0x1f;
    private static final char DELETE = 0x7f;
    /** The longest name that all common file systems accept. */
    private static final int MOST_BYTES = 255;

    private final List<Column> columns;

    /** A partition column, and its index in a row. */
    private record Column(String name, DataType type, int ordinal) implements Serializable {}

    /**
     * Paths of rows with these columns.
     *
     * @param names the partition columns, from the outermost; if there are none, the path is empty
     * @param row the columns of the rows, including the partition columns
     */
    public PartitionPath(List<String> names, List<StructField> row) {
        this.columns = names.stream()
                .map(name -> {
                    int ordinal = IntStream.range(0, row.size())
                            .filter(i -> row.get(i).name().equals(name))
                            .findFirst()
                            .orElseThrow();
                    return new Column(name, row.get(ordinal).dataType(), ordinal);
                })
                .toList();
    }

    /** Whether values of a type can name directories and are read back unchanged. */
    public static boolean names(DataType type) {
        return type instanceof StringType
                || type instanceof BooleanType
                || type instanceof DateType
                || type instanceof ByteType
                || type instanceof ShortType
                || type instanceof IntegerType
                || type instanceof LongType;
    }

    /** Whether there are no partition columns. */
    boolean isEmpty() {
        return columns.isEmpty();
    }

    /** The path of a row, relative to its table; empty without partition columns. */
    public String of(InternalRow row) {
        return columns.isEmpty()
                ? ""
                : columns.stream()
                        .map(column -> escape(column.name()) + "=" + value(column, row))
                        .collect(Collectors.joining("/"));
    }

    private static String value(Column column, InternalRow row) {
        if (row.isNullAt(column.ordinal())) {
            return NULL;
        }
        Object value = row.get(column.ordinal(), column.type());
        return escape(
                column.type() instanceof DateType
                        ? LocalDate.ofEpochDay((int) value).toString()
                        : value.toString());
    }

    /** Why readers would not get back a row's values from its directory's name, for an error message; null if they would. */
    public String problem(InternalRow row) {
        for (Column column : columns) {
            String got = column.type() instanceof StringType && !row.isNullAt(column.ordinal())
                    ? problem(column, SparkRows.text(row, column.ordinal()))
                    : null;
            if (got != null) {
                return "column '" + column.name() + "': expected values that can name a directory, got " + got;
            }
        }
        return null;
    }

    private static String problem(Column column, byte[] value) {
        String text = new String(value, StandardCharsets.UTF_8);
        if (text.isEmpty()) {
            return "an empty one, which readers take for null; store null, or a word for it";
        }
        if (text.equals(NULL)) {
            return "'" + NULL + "', which readers take for null; store null";
        }
        if (text.indexOf('\0') >= 0 || !Arrays.equals(text.getBytes(StandardCharsets.UTF_8), value)) {
            return "one with bytes that are no text; store it otherwise, for example in hexadecimal";
        }
        String name = escape(column.name()) + "=" + escape(text);
        int bytes = name.getBytes(StandardCharsets.UTF_8).length;
        return bytes <= MOST_BYTES
                ? null
                : "one whose directory name, '" + name.substring(0, 40) + "...', has " + bytes + " bytes, more than "
                        + MOST_BYTES + "; store a shorter one";
    }

    static String escape(String text) {
        StringBuilder name = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean escaped = (c > 0 && c <= LAST_CONTROL) || c == DELETE || ESCAPED.indexOf(c) >= 0;
            name.append(escaped ? String.format(Locale.ROOT, "%%%02X", (int) c) : c);
        }
        return name.toString();
    }
}
