package dev.braid.rows;

import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.types.UserDefinedType;

/**
 * Which stored types Spark's Parquet readers read as another type without loss: in every supported version, with and without
 * column batches. Spark 4 can also read int as bigint, and float as double.
 */
final class StoredTypes {
    /** The stored types that can be read, by the type that is asked for. */
    private static final Map<String, Set<String>> EXACT = Map.of(
            "int", Set.of("smallint", "tinyint"),
            "smallint", Set.of("tinyint"),
            "string", Set.of("binary"),
            "binary", Set.of("string"));

    private StoredTypes() {}

    /** Whether a column of type {@code stored} keeps its values if it is read as {@code asked}. */
    static boolean reads(DataType asked, DataType stored) {
        DataType to = plain(asked);
        DataType from = plain(stored);
        if (to instanceof ArrayType toArray && from instanceof ArrayType fromArray) {
            return reads(toArray.elementType(), fromArray.elementType());
        }
        if (to instanceof MapType toMap && from instanceof MapType fromMap) {
            return reads(toMap.keyType(), fromMap.keyType()) && reads(toMap.valueType(), fromMap.valueType());
        }
        if (to instanceof StructType toStruct && from instanceof StructType fromStruct) {
            // By name: a field that is missing is read as null.
            return toStruct.length() == fromStruct.length()
                    && Arrays.stream(toStruct.fields()).allMatch(field -> reads(field, fromStruct));
        }
        String name = to.catalogString();
        return name.equals(from.catalogString())
                || EXACT.getOrDefault(name, Set.of()).contains(from.catalogString());
    }

    /** Whether both types have the same nesting of arrays, maps and structs; {@code stored} is null if it is unknown. */
    static boolean opens(DataType asked, DataType stored) {
        DataType to = plain(asked);
        DataType from = plain(stored);
        if (to instanceof ArrayType toArray && from instanceof ArrayType fromArray) {
            return opens(toArray.elementType(), fromArray.elementType());
        }
        if (to instanceof MapType toMap && from instanceof MapType fromMap) {
            return opens(toMap.keyType(), fromMap.keyType()) && opens(toMap.valueType(), fromMap.valueType());
        }
        if (to instanceof StructType && from instanceof StructType) {
            return reads(to, from);
        }
        return !isNested(to) && !isNested(from);
    }

    private static boolean isNested(DataType type) {
        return type instanceof ArrayType || type instanceof MapType || type instanceof StructType;
    }

    private static boolean reads(StructField asked, StructType stored) {
        return Arrays.stream(stored.fields())
                .filter(field -> field.name().equals(asked.name()))
                .anyMatch(field -> reads(asked.dataType(), field.dataType()));
    }

    private static DataType plain(DataType type) {
        return type instanceof UserDefinedType<?> defined ? defined.sqlType() : type;
    }
}
