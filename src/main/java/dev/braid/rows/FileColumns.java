package dev.braid.rows;

import dev.braid.storage.Footers;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.parquet.column.ColumnDescriptor;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.LogicalTypeAnnotation.TimeLogicalTypeAnnotation;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.PrimitiveType;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Type;
import org.apache.parquet.schema.Types;
import org.apache.spark.sql.execution.datasources.parquet.ParquetToSparkSchemaConverter;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.DayTimeIntervalType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.UserDefinedType;
import org.apache.spark.sql.types.YearMonthIntervalType;

/**
 * The columns of a Parquet file as Spark reads them. Spark's own converter converts each column separately, because it would
 * refuse the whole file for one column that nobody needs. Driver only.
 */
public final class FileColumns {
    private static final String BINARY_AS_STRING = "spark.sql.parquet.binaryAsString";
    private static final String FLOAT16 = "FLOAT16";
    private static final String TIMES = "spark.sql.timeType.enabled";

    /** Whether the session reads a time of day. Spark 4.1 and later support the type, but refuse it by default. */
    private final boolean readsTimes;

    private final ParquetToSparkSchemaConverter converter;
    private final ParquetToSparkSchemaConverter binaryConverter;

    /**
     * A column of a file.
     *
     * @param field as the session reads it; null if Spark cannot read it
     * @param features the same for a column of features: unannotated bytes are binary even if the session's {@code
     *     binaryAsString} is set, and half floats, which Spark cannot read otherwise, are binary too
     * @param parquetTypes the types that Spark cannot read
     * @param misfit if the files of a table disagree, how an error message continues after "expected column 'x'"; otherwise
     *     null
     */
    public record FileColumn(
            String name, StructField field, StructField features, List<String> parquetTypes, String misfit) {
        /** A column that Spark reads. */
        public static FileColumn of(StructField field) {
            return new FileColumn(field.name(), field, field, List.of(), null);
        }

        public FileColumn misfitting(String reason) {
            return new FileColumn(name, field, features, parquetTypes, reason);
        }

        /** Whether half floats are the only type in the column that Spark cannot read. */
        public boolean isHalf() {
            return parquetTypes.equals(List.of(FLOAT16)) && features != null;
        }

        /** The type as messages call it. */
        public String typeName() {
            return field == null
                    ? "Parquet type "
                            + parquetTypes.stream()
                                    .map(type -> "'" + type + "'")
                                    .collect(Collectors.joining(", "))
                    : field.dataType().catalogString();
        }

        /** Whether another file's column of this name can be read as this one without loss. */
        public boolean reads(FileColumn other) {
            boolean unreadable = field == null || other.field == null;
            return unreadable
                    ? typeName().equals(other.typeName())
                    : StoredTypes.reads(field.dataType(), other.field.dataType());
        }

        /** Whether Spark can open a file without rows whose column is {@code other}, if the other files have this column. */
        public boolean opens(FileColumn other) {
            return field != null
                    && StoredTypes.opens(field.dataType(), other.field == null ? null : other.field.dataType());
        }
    }

    /** Converts columns as a session with these settings does. */
    public FileColumns(Map<String, String> settings) {
        SQLConf conf = new SQLConf();
        SQLConf binary = new SQLConf();
        settings.forEach((key, value) -> {
            if (key.startsWith("spark.sql.")) {
                conf.setConfString(key, value);
                binary.setConfString(key, value);
            }
        });
        binary.setConfString(BINARY_AS_STRING, "false");
        this.readsTimes = readsTimes(conf);
        this.converter = new ParquetToSparkSchemaConverter(conf);
        this.binaryConverter = new ParquetToSparkSchemaConverter(binary);
    }

    /** The columns of a file in its order. */
    public List<FileColumn> of(Footers.Schema file) {
        Map<String, StructField> noted = noted(file.note());
        List<FileColumn> columns = new ArrayList<>();
        for (Type type : file.type().getFields()) {
            StructField field = merged(converted(type, converter), noted.get(type.getName()));
            StructField features = merged(converted(asBytes(type), binaryConverter), noted.get(type.getName()));
            columns.add(new FileColumn(
                    type.getName(), field, features, field == null ? unreadable(type) : List.of(), null));
        }
        return columns;
    }

    /** The type with bytes in place of half floats. */
    private static Type asBytes(Type type) {
        if (!type.isPrimitive()) {
            return type.asGroupType()
                    .withNewFields(type.asGroupType().getFields().stream()
                            .map(FileColumns::asBytes)
                            .toList());
        }
        // Compared by name because the Parquet library of Spark 3.5 has no class for it.
        return FLOAT16.equals(String.valueOf(type.getLogicalTypeAnnotation()))
                ? Types.primitive(PrimitiveTypeName.FIXED_LEN_BYTE_ARRAY, type.getRepetition())
                        .length(Short.BYTES)
                        .named(type.getName())
                : type;
    }

    private static boolean readsTimes(SQLConf conf) {
        try {
            return Boolean.parseBoolean(conf.getConfString(TIMES));
        } catch (Exception unknown) { // older Spark versions; Scala code throws without declaring it
            return false;
        }
    }

    private StructField converted(Type type, ParquetToSparkSchemaConverter converter) {
        try {
            StructField field =
                    converter.convert(new MessageType("spark_schema", type)).fields()[0];
            return readsTimes || !holdsTimes(type) ? field : null;
        } catch (Exception unknown) { // Spark throws checked exceptions that it does not declare
            return null;
        }
    }

    private static boolean holdsTimes(Type type) {
        return type.isPrimitive()
                ? type.getLogicalTypeAnnotation() instanceof TimeLogicalTypeAnnotation
                : type.asGroupType().getFields().stream().anyMatch(FileColumns::holdsTimes);
    }

    /** The types of the leaves that Spark cannot read; the column's whole type if it is only their nesting. */
    private List<String> unreadable(Type column) {
        List<String> types = new ArrayList<>();
        for (ColumnDescriptor leaf : new MessageType("m", column).getColumns()) {
            PrimitiveType type = leaf.getPrimitiveType();
            if (converted(type, converter) == null) {
                LogicalTypeAnnotation annotation = type.getLogicalTypeAnnotation();
                types.add(annotation == null ? type.getPrimitiveTypeName().name() : annotation.toString());
            }
        }
        return types.isEmpty()
                ? List.of(String.valueOf(column).replaceAll("\\s+", " "))
                : types.stream().distinct().toList();
    }

    /**
     * Takes the types of the file's columns, and from Spark's schema in the metadata only types that Parquet lacks. Other
     * writers may have copied that schema although it no longer fits.
     */
    private static StructField merged(StructField file, StructField noted) {
        if (noted == null || (file == null && !isSparksOwn(noted.dataType()))) {
            return file;
        }
        return file == null || isStoredAs(noted.dataType(), file.dataType()) ? noted : file;
    }

    /** Whether a column of the type {@code noted} is in a file as {@code stored}. */
    private static boolean isStoredAs(DataType noted, DataType stored) {
        if (noted instanceof UserDefinedType<?> own) {
            return sameType(own.sqlType(), stored);
        }
        return (noted instanceof YearMonthIntervalType && stored.equals(DataTypes.IntegerType))
                || (noted instanceof DayTimeIntervalType && stored.equals(DataTypes.LongType))
                || (noted.typeName().equals("variant") && stored instanceof StructType)
                || sameType(noted, stored);
    }

    private static boolean isSparksOwn(DataType type) {
        return type instanceof UserDefinedType
                || type instanceof YearMonthIntervalType
                || type instanceof DayTimeIntervalType
                || type.typeName().equals("variant");
    }

    private static boolean sameType(DataType one, DataType other) {
        return one.catalogString().equals(other.catalogString());
    }

    /** Spark's schema in the file's metadata. Each column is parsed alone: the class path may lack a user-defined type. */
    private static Map<String, StructField> noted(String json) {
        return json == null
                ? Map.of()
                : elements(json).stream()
                        .map(FileColumns::field)
                        .flatMap(List::stream)
                        .collect(Collectors.toMap(StructField::name, field -> field, (first, second) -> first));
    }

    private static List<StructField> field(String json) {
        try {
            StructType type = (StructType) DataType.fromJson("{\"type\":\"struct\",\"fields\":[" + json + "]}");
            return List.of(type.fields());
        } catch (Exception | LinkageError unknown) { // Spark throws checked exceptions that it does not declare
            return List.of();
        }
    }

    /** The elements of the first array in a JSON text, {@code fields}, split at the commas between them. */
    private static List<String> elements(String json) {
        List<String> elements = new ArrayList<>();
        int start = json.indexOf('[') + 1;
        int depth = 0;
        boolean quoted = false;
        for (int i = start; i < json.length() && depth >= 0; i++) {
            char c = json.charAt(i);
            if (quoted) {
                i += c == '\\' ? 1 : 0;
                quoted = c != '"';
            } else if (c == '"') {
                quoted = true;
            } else if (c == '{' || c == '[') {
                depth++;
            } else if (c == '}' || c == ']') {
                depth--;
            }
            if (!quoted && (depth < 0 || (depth == 0 && c == ','))) {
                elements.add(json.substring(start, i));
                start = i + 1;
            }
        }
        return elements;
    }

    /** What to store instead of a type that Spark cannot read, in a column that holds no features. */
    public static String advice(List<String> parquetTypes) {
        String types = String.join(" ", parquetTypes).toUpperCase(Locale.ROOT);
        if (types.contains(FLOAT16)) {
            return "store it as float32";
        }
        if (types.contains("NANOS")) {
            return "store it in microseconds, or set 'spark.sql.legacy.parquet.nanosAsLong' to true";
        }
        if (types.contains("TIME(MICROS")) {
            return "store it as a whole number of microseconds, or set '" + TIMES + "' to true (Spark 4.1 or newer)";
        }
        return "store it as a type that Spark reads";
    }
}
