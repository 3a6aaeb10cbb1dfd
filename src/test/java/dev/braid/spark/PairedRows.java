package dev.braid.spark;

import dev.braid.batch.ElementType;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.decode.RowDecoder;
import dev.braid.rows.StoredRow;
import dev.braid.rows.StoredRows;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.SelectionColumn;
import dev.braid.task.FusedColumn;
import dev.braid.task.FusedLayout;
import dev.braid.tensor.Activation;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.CatalystTypeConverters;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.unsafe.Platform;
import org.apache.spark.unsafe.types.UTF8String;

/** Paired rows as Spark holds them, made without a session. */
public final class PairedRows {
    private PairedRows() {}

    /** A row [key, feature and selection columns]; features as {@link GoldenTable#stored} gives them, or null, or arrays with nulls. */
    public static InternalRow generic(String key, Object... features) {
        Object[] values = new Object[1 + features.length];
        values[0] = key == null ? null : UTF8String.fromString(key);
        for (int m = 0; m < features.length; m++) {
            values[1 + m] = value(features[m]);
        }
        return new GenericInternalRow(values);
    }

    private static Object value(Object stored) {
        if (stored instanceof Object[] array) {
            Object[] values = new Object[array.length];
            for (int i = 0; i < values.length; i++) {
                values[i] = value(array[i]);
            }
            return new GenericArrayData(values);
        }
        if (stored instanceof float[] array) {
            return new GenericArrayData(array);
        }
        return stored instanceof double[] array ? new GenericArrayData(array) : stored;
    }

    /** The same as Spark's own projections lay it out; each call reuses the projection's buffer. */
    public static UnsafeProjection unsafe(DataType... features) {
        return UnsafeProjection.create(schema(features));
    }

    /** The same bytes in an array of longs, as Spark's memory pages are. */
    public static UnsafeRow inPage(UnsafeRow row) {
        long[] page = new long[row.getSizeInBytes() / Long.BYTES + 1];
        Platform.copyMemory(
                row.getBaseObject(), row.getBaseOffset(), page, Platform.LONG_ARRAY_OFFSET, row.getSizeInBytes());
        UnsafeRow copy = new UnsafeRow(row.numFields());
        copy.pointTo(page, Platform.LONG_ARRAY_OFFSET, row.getSizeInBytes());
        return copy;
    }

    /** As a decoder reads it: a row of a key and columns of these types. */
    public static StoredRow stored(InternalRow row, DataType... features) {
        return StoredRows.of(List.of(row).iterator(), schema(features), 1).next();
    }

    /** The columns of such rows. */
    public static StructType schema(DataType... features) {
        StructType schema = new StructType().add("key", DataTypes.StringType);
        for (int m = 0; m < features.length; m++) {
            schema = schema.add("feature" + m, features[m]);
        }
        return schema;
    }

    /** The key and all that {@code config} emits. */
    public static FusedLayout layout(FusionConfig config, ModelConfig model) {
        List<FusedColumn> columns = FusedSchema.columns(config, model);
        List<Integer> places = new ArrayList<>(List.of(0));
        List<Integer> ordinals = new ArrayList<>();
        for (int c = 0; c < columns.size(); c++) {
            places.add(FusedLayout.FUSED);
            ordinals.add(1 + c);
        }
        return new FusedLayout(places, List.of(DataTypes.StringType), columns, ordinals, true);
    }

    /** The rows that {@code FusedRows} gives, as the public API shows them. */
    public static Iterator<Row> external(Iterator<InternalRow> rows, FusionConfig config, ModelConfig model) {
        StructType schema = new StructType().add("key", DataTypes.StringType);
        for (FusedColumn column : FusedSchema.columns(config, model)) {
            schema = schema.add(column.field());
        }
        StructType all = schema;
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return rows.hasNext();
            }

            @Override
            public Row next() {
                return (Row) CatalystTypeConverters.convertToScala(rows.next(), all);
            }
        };
    }

    /** The columns {@code id} and, for a modality visual of three numbers a token, {@code pixels}. */
    public static TableColumns pixels(int maxPositions, ElementType dtype, SelectionColumn selection) {
        ModalityConfig visual = new ModalityConfig("visual", 3, maxPositions);
        return new TableColumns("id", List.of(), List.of(new FeatureColumn(visual, "pixels", dtype, null, selection)));
    }

    /** A small model of the modalities of {@code columns}. */
    public static ModelConfig model(TableColumns columns, boolean clsToken, Pooling pooling) {
        List<ModalityConfig> modalities =
                columns.features().stream().map(FeatureColumn::modality).toList();
        return ModelConfig.singleStream(
                modalities, clsToken, 1, new LayerConfig(4, 1, 4, Activation.RELU, false, 1e-5f, true), pooling);
    }

    public static RowDecoder decoder(FusionConfig config, ModelConfig model, DataType... columns) {
        StructType paired = new StructType();
        for (String name : config.columns().paired().keySet()) {
            DataType type = paired.isEmpty() ? DataTypes.StringType : columns[paired.size() - 1];
            paired = paired.add(name, type);
        }
        return config.decoder(model, paired);
    }
}
