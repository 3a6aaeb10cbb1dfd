package dev.braid.spark;

import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
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
    /** How many of a row's tokens each modality has, in token order, the CLS token's 1 first. */
    static final String LENGTHS = "fused_lengths";
    /** The share of attention that the tokens of CLS and of each modality received. */
    static final String ATTENTION = "attention";
    /** The same of each layer. */
    static final String ATTENTION_BY_LAYER = "attention_by_layer";

    /** Beside the modalities, in the structs of a model that has it; no modality has this name. */
    private static final String CLS = "cls";

    private static final ArrayType VECTOR = DataTypes.createArrayType(DataTypes.FloatType, false);

    private FusedSchema() {}

    /** The key and kept columns as they are in the paired table, then what the fusion emits. */
    static StructType of(PairedTable table, FusionConfig config, ModelConfig model) {
        StructField[] paired = table.rows().schema().fields();
        List<StructField> fields = new ArrayList<>();
        for (String name : table.columns().carried()) {
            fields.add(renamed(paired[fields.size()], name));
        }
        if (config.emits(Emitted.POOLED)) {
            fields.add(field(POOLED, VECTOR));
        }
        if (config.emits(Emitted.TOKENS)) {
            fields.add(field(TOKENS, DataTypes.createArrayType(VECTOR, false)));
            fields.add(field(LENGTHS, groups(model, DataTypes.IntegerType)));
        }
        StructType shares = groups(model, DataTypes.FloatType);
        if (config.emits(Emitted.ATTENTION)) {
            fields.add(field(ATTENTION, shares));
        }
        if (config.emits(Emitted.ATTENTION_BY_LAYER)) {
            fields.add(field(ATTENTION_BY_LAYER, DataTypes.createArrayType(shares, false)));
        }
        return new StructType(fields.toArray(StructField[]::new));
    }

    /** A field for CLS, where there is one, and for each modality. */
    private static StructType groups(ModelConfig model, DataType type) {
        StructType groups = model.clsToken() ? new StructType().add(CLS, type, false) : new StructType();
        for (ModalityConfig modality : model.modalities()) {
            groups = groups.add(modality.name(), type, false);
        }
        return groups;
    }

    private static StructField field(String name, DataType type) {
        return new StructField(name, type, false, Metadata.empty());
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
