package dev.braid.rows;

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
 * The columns of a file that Spark's own Parquet writer writes, of any type, exactly as Spark would. Spark's writer reads their
 * schema and its settings from Hadoop's configuration.
 */
public final class SparkColumns {
    /** The setting from which Spark's writer takes the schema of its rows. */
    private static final String SCHEMA = "org.apache.spark.sql.parquet.row.attributes";

    private final ParquetWriteSupport support = new ParquetWriteSupport();
    private final WriteContext context;
    private final MessageColumnIO columns;
    /** The store of the current row group; null before the first one. */
    private ColumnWriteStore store;

    private RecordConsumer consumer;

    /** Columns in the order of {@code schema}, which must have at least one. */
    public SparkColumns(StructType schema, Configuration settings) {
        Configuration own = new Configuration(settings);
        own.set(SCHEMA, schema.json());
        this.context = support.init(own);
        this.columns = new ColumnIOFactory().getColumnIO(context.getSchema());
    }

    /** The Parquet types of the columns, and the metadata that Spark adds to the file. */
    public WriteContext context() {
        return context;
    }

    public void beginRowGroup(ParquetProperties properties, PageWriteStore pages) {
        store = properties.newColumnWriteStore(context.getSchema(), pages);
        consumer = columns.getRecordWriter(store);
        support.prepareForWrite(consumer);
    }

    /** Writes a row that has exactly these columns. */
    public void write(InternalRow row) {
        support.write(row);
    }

    /** The buffered bytes of the row group that are not in pages yet. */
    public long bufferedBytes() {
        return store.getBufferedSize();
    }

    /** Writes the last pages of the row group. */
    public void endRowGroup() throws IOException {
        consumer.flush();
        store.flush();
        store.close();
        store = null;
    }
}
