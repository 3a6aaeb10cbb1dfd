package dev.braid.spark;

import dev.braid.parquet.FileSchema;
import dev.braid.parquet.ParquetRows;
import dev.braid.tables.WriterSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.types.UTF8String;

/** Parquet tables that are written without a Spark job, by Spark's Parquet writer. */
public final class RawTable {
    private RawTable() {}

    /** A session as the tests of this package share it, which compiles as little as it can: for many small tables. */
    public static SparkSession startSpark() {
        SparkSession spark = SharedSpark.start();
        spark.conf().set("spark.sql.codegen.wholeStage", false);
        return spark;
    }

    /**
     * Writes a directory.
     *
     * @param rows for each file its rows: numbers, strings and bytes as Java has them, lists as arrays of objects, structs as
     *     lists; null where a value is null
     */
    public static void write(SparkSession session, Path directory, StructType schema, List<List<Object[]>> rows)
            throws IOException {
        Configuration settings = WriterSettings.of(session);
        Files.createDirectories(directory);
        for (int file = 0; file < rows.size(); file++) {
            org.apache.hadoop.fs.Path path = new org.apache.hadoop.fs.Path(
                    directory.resolve(file + ".parquet").toUri());
            try (ParquetRows out = new ParquetRows(
                    path, new FileSchema(schema, List.of()), WriterSettings.codec(settings), settings)) {
                for (Object[] row : rows.get(file)) {
                    out.begin();
                    out.end(row(row));
                }
                out.finish();
            }
        }
    }

    private static InternalRow row(Object[] values) {
        return new GenericInternalRow(Arrays.stream(values).map(RawTable::value).toArray());
    }

    private static Object value(Object value) {
        if (value instanceof Object[] list) {
            return new GenericArrayData(Arrays.stream(list).map(RawTable::value).toArray());
        }
        if (value instanceof List<?> struct) {
            return row(struct.toArray());
        }
        return value instanceof String text ? UTF8String.fromString(text) : value;
    }
}
