package dev.braid.spark;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.DoubleType;
import org.apache.spark.sql.types.FloatType;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/** The columns of a fused table. */
final class FusedSchema {
    /** One vector of the hidden size per row. */
    static final String POOLED = "fused";
    /** One vector of the hidden size per token, in the model's token order. */
    static final String TOKENS = "fused_tokens";
    /** How many of a row's tokens each modality has, in token order. */
    static final String LENGTHS = "fused_lengths";

    private static final ArrayType VECTOR = DataTypes.createArrayType(DataTypes.FloatType, false);

    private FusedSchema() {}

    /** The key and kept columns as they are in the paired table, then what the fusion emits. */
    static StructType of(PairedTable table, FusionConfig config) {
        TableColumns columns = table.columns();
        StructField[] paired = table.rows().schema().fields();
        List<StructField> fields = new ArrayList<>();
        fields.add(renamed(paired[0], columns.key()));
        for (int k = 0; k < columns.keep().size(); k++) {
            fields.add(renamed(paired[1 + k], columns.keep().get(k)));
        }
        if (config.pooled()) {
            fields.add(new StructField(POOLED, VECTOR, false, Metadata.empty()));
        }
        if (config.tokens()) {
            StructType lengths = new StructType();
            for (FeatureColumn feature : columns.features()) {
                lengths = lengths.add(feature.modality().name(), DataTypes.IntegerType, false);
            }
            fields.add(new StructField(TOKENS, DataTypes.createArrayType(VECTOR, false), false, Metadata.empty()));
            fields.add(new StructField(LENGTHS, lengths, false, Metadata.empty()));
        }
        return new StructType(fields.toArray(StructField[]::new));
    }

    /** The Parquet paths of all float and double leaves, as Spark writes them: {@code fused.list.element}. */
    static List<String> floatLeaves(StructType schema) {
        List<String> paths = new ArrayList<>();
        floatLeaves("", schema, paths);
        return paths;
    }

    private static void floatLeaves(String path, DataType type, List<String> paths) {
        if (type instanceof FloatType || type instanceof DoubleType) {
            paths.add(path);
        } else if (type instanceof ArrayType array) {
            floatLeaves(path + ".list.element", array.elementType(), paths);
        } else if (type instanceof MapType map) {
            floatLeaves(path + ".key_value.key", map.keyType(), paths);
            floatLeaves(path + ".key_value.value", map.valueType(), paths);
        } else if (type instanceof StructType struct) {
            for (StructField field : struct.fields()) {
                floatLeaves(path.isEmpty() ? field.name() : path + "." + field.name(), field.dataType(), paths);
            }
        }
    }

    private static StructField renamed(StructField field, String name) {
        return new StructField(name, field.dataType(), field.nullable(), field.metadata());
    }
}
