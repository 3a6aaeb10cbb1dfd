package dev.braid.parquet;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.Type;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/**
 * The columns of a file.
 *
 * @param columns all, in their order
 * @param vectors the names of those that hold vectors: of type {@code binary}, {@code array<float>} or {@code
 *     array<array<float>>}, never null, empty or with a null in them
 */
public record FileSchema(StructType columns, List<String> vectors) implements Serializable {

    /** The columns that hold anything else, in their order: those of the rows that {@link ParquetRows#end} takes. */
    public StructType others() {
        return new StructType(Arrays.stream(columns.fields())
                .filter(column -> !vectors.contains(column.name()))
                .toArray(StructField[]::new));
    }

    /** A writer for each column of vectors. */
    List<VectorColumn> writers() {
        return vectors.stream()
                .map(name -> writer(name, columns.apply(name).dataType()))
                .toList();
    }

    private static VectorColumn writer(String name, DataType type) {
        if (type instanceof BinaryType) {
            return Binaries.of(name);
        }
        DataType element = ((ArrayType) type).elementType();
        return element instanceof ArrayType ? FloatLists.ofLists(name) : FloatLists.of(name);
    }

    /** The schema as Parquet's. */
    MessageType message(MessageType others, List<VectorColumn> writers) {
        List<Type> fields = new ArrayList<>();
        int next = 0;
        for (StructField column : columns.fields()) {
            int vector = vectors.indexOf(column.name());
            fields.add(vector < 0 ? others.getType(next++) : writers.get(vector).type());
        }
        return new MessageType(others.getName(), fields);
    }
}
