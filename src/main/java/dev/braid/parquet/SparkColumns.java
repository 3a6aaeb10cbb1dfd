package dev.braid.parquet;

import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.column.ColumnWriteStore;
import org.apache.parquet.column.ParquetProperties;
import org.apache.parquet.column.page.PageWriteStore;
import org.apache.parquet.hadoop.api.WriteSupport.WriteContext;
import org.apache.parquet.io.ColumnIOFactory;
import org.apache.parquet.io.MessageColumnIO;
import org.apache.parquet.io.api.RecordConsumer;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.execution.datasources.parquet.ParquetWriteSupport;
import org.apache.spark.sql.types.StructType;

/**
 * The columns of a file that Spark writes, whatever their types, as it would write them in a file of its own. Their schema and
 * settings are in Hadoop's configuration, where Spark's writer looks for them.
 */
final class SparkColumns {
    /** Where Spark's writer finds the schema of its rows. */
    private static final String SCHEMA = "org.apache.spark.sql.parquet.row.attributes";

    private final ParquetWriteSupport support = new ParquetWriteSupport();
    private final WriteContext context;
    private final MessageColumnIO columns;
    /** Of the row group; null before the first. */
    private ColumnWriteStore store;

    private RecordConsumer consumer;

    /** The columns of {@code schema}, at least one, in the order of the rows. */
    SparkColumns(StructType schema, Configuration settings) {
        Configuration own = new Configuration(settings);
        own.set(SCHEMA, schema.json());
        this.context = support.init(own);
        this.columns = new ColumnIOFactory().getColumnIO(context.getSchema());
    }

    /** Their Parquet types, and what Spark notes in the file. */
    WriteContext context() {
        return context;
    }

    void beginRowGroup(ParquetProperties properties, PageWriteStore pages) {
        store = properties.newColumnWriteStore(context.getSchema(), pages);
        consumer = columns.getRecordWriter(store);
        support.prepareForWrite(consumer);
    }

    /** Writes a row of these columns and no others. */
    void write(InternalRow row) {
        support.write(row);
    }

    /** What the row group holds that is not in pages yet. */
    long bufferedBytes() {
        return store.getBufferedSize();
    }

    /** Hands the last pages of the row group over. */
    void endRowGroup() throws IOException {
        consumer.flush();
        store.flush();
        store.close();
        store = null;
    }
}
