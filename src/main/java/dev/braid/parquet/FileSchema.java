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
 * @param columns all columns, in order
 * @param vectors the names of the vector columns, of type {@code binary}, {@code array<float>} or
 *     {@code array<array<float>>}. Their values are never null or empty and contain no null
 */
public record FileSchema(StructType columns, List<String> vectors) implements Serializable {

    /** The columns that are not vectors, in order: the columns of the rows that {@link ParquetRows#end} takes. */
    public StructType others() {
        return new StructType(Arrays.stream(columns.fields())
                .filter(column -> !vectors.contains(column.name()))
                .toArray(StructField[]::new));
    }

    /** A writer for each vector column. */
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

    /** The Parquet schema of the file; {@code others} has the types of the columns that are not vectors. */
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
