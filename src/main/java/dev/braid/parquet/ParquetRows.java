package dev.braid.parquet;

import dev.braid.rows.SparkColumns;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.bytes.HeapByteBufferAllocator;
import org.apache.parquet.column.ParquetProperties;
import org.apache.parquet.column.page.PageWriter;
import org.apache.parquet.hadoop.CodecFactory;
import org.apache.parquet.hadoop.ColumnChunkPageWriteStore;
import org.apache.parquet.hadoop.ParquetFileWriter;
import org.apache.parquet.hadoop.ParquetOutputFormat;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.api.WriteSupport.WriteContext;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.schema.MessageType;
import org.apache.spark.sql.catalyst.InternalRow;

/**
 * Writes rows to a Parquet file. For each row, call {@link #begin}, add the values of its {@link #vectors}, then call
 * {@link #end} with the other columns. The file is complete when {@link #finish} returns. For one thread at a time.
 *
 * <p>Holds one row group with compressed pages in memory, and an open page of each column. parquet-java does compression,
 * checksums, indexes and encryption, as Hadoop's configuration sets them ({@code parquet.*}).
 */
@SuppressWarnings("deprecation") // parquet-java 1.13 of Spark 3.5 has only the deprecated compressor
public final class ParquetRows implements AutoCloseable {
    /** Rows between checks of the other columns' buffered bytes, because a check makes one call per column. */
    private static final int ROWS_PER_LOOK = 64;
    /** The key in a file's metadata under which Spark finds the schema that it wrote. */
    private static final String SPARK_SCHEMA = "org.apache.spark.sql.parquet.row.metadata";

    private final SparkColumns others;
    private final List<VectorColumn> vectors;
    private final MessageType schema;
    private final Map<String, String> notes;
    private final ParquetProperties properties;
    private final long rowGroupBytes;
    private final CodecFactory codecs;
    private final CodecFactory.BytesCompressor compressor;
    private final NewFile target;
    private final ParquetFileWriter file;

    private ColumnChunkPageWriteStore pages;
    private PageWriter[] vectorPages;
    private int rowGroups;
    private long groupRows;
    private long othersBytes;
    private long buffered;
    private long rows;

    /**
     * Begins a file.
     *
     * @param path a path that does not exist, in a directory that does
     * @param hadoop the settings of Hadoop, of parquet-java and of Spark's Parquet writer
     * @throws IOException if the file cannot be created
     */
    public ParquetRows(Path path, FileSchema columns, CompressionCodecName codec, Configuration hadoop)
            throws IOException {
        this.others = new SparkColumns(columns.others(), hadoop);
        this.vectors = columns.writers();
        this.schema = columns.message(others.context().getSchema(), vectors);
        this.notes = new HashMap<>(others.context().getExtraMetaData());
        notes.put(SPARK_SCHEMA, columns.columns().json());
        this.properties = properties(hadoop);
        this.rowGroupBytes = ParquetOutputFormat.getLongBlockSize(hadoop);
        this.codecs = new CodecFactory(hadoop, properties.getPageSizeThreshold());
        this.compressor = ZstdPages.fit(codec, hadoop) ? new ZstdPages(hadoop) : codecs.getCompressor(codec);
        this.target = new NewFile(path, hadoop);
        this.file = new ParquetFileWriter(
                target,
                schema,
                ParquetFileWriter.Mode.CREATE,
                rowGroupBytes,
                hadoop.getInt(ParquetOutputFormat.MAX_PADDING_BYTES, ParquetWriter.MAX_PADDING_SIZE_DEFAULT),
                properties.getColumnIndexTruncateLength(),
                properties.getStatisticsTruncateLength(),
                properties.getPageWriteChecksumEnabled(),
                ParquetOutputFormat.createEncryptionProperties(hadoop, path, new WriteContext(schema, notes)));
        file.start();
        beginRowGroup();
    }

    private static ParquetProperties properties(Configuration hadoop) {
        return ParquetProperties.builder()
                .withPageSize(ParquetOutputFormat.getPageSize(hadoop))
                .withDictionaryPageSize(ParquetOutputFormat.getDictionaryPageSize(hadoop))
                .withDictionaryEncoding(ParquetOutputFormat.getEnableDictionary(hadoop))
                .withWriterVersion(ParquetOutputFormat.getWriterVersion(hadoop))
                .withPageRowCountLimit(hadoop.getInt(
                        ParquetOutputFormat.PAGE_ROW_COUNT_LIMIT, ParquetProperties.DEFAULT_PAGE_ROW_COUNT_LIMIT))
                .withColumnIndexTruncateLength(hadoop.getInt(
                        ParquetOutputFormat.COLUMN_INDEX_TRUNCATE_LENGTH,
                        ParquetProperties.DEFAULT_COLUMN_INDEX_TRUNCATE_LENGTH))
                .withStatisticsTruncateLength(hadoop.getInt(
                        ParquetOutputFormat.STATISTICS_TRUNCATE_LENGTH,
                        ParquetProperties.DEFAULT_STATISTICS_TRUNCATE_LENGTH))
                .withPageWriteChecksumEnabled(ParquetOutputFormat.getPageWriteChecksumEnabled(hadoop))
                .build();
    }

    /** The writers of the vector columns, in the order of {@link FileSchema#vectors}. */
    public List<VectorColumn> vectors() {
        return vectors;
    }

    /** Begins a row, and discards the values of a row that was begun and not ended. */
    public void begin() {
        for (VectorColumn vector : vectors) {
            vector.begin();
        }
    }

    /**
     * Ends a row.
     *
     * @param row the values of all columns except the vectors
     * @throws IOException if a page cannot be written
     */
    public void end(InternalRow row) throws IOException {
        others.write(row);
        for (int v = 0; v < vectorPages.length; v++) {
            VectorColumn vector = vectors.get(v);
            vector.end();
            if (vector.size() >= properties.getPageSizeThreshold()
                    || vector.rows() >= properties.getPageRowCountLimit()) {
                vector.flush(vectorPages[v]);
            }
        }
        rows++;
        groupRows++;
        if (groupRows % ROWS_PER_LOOK == 0) {
            othersBytes = others.bufferedBytes();
        }
        buffered = vectorBytes() + othersBytes;
        if (buffered >= rowGroupBytes) {
            flush();
        }
    }

    /** The approximate number of bytes of the row group in memory. */
    public long buffered() {
        return buffered;
    }

    /** Ends the row group, which frees most of the buffered memory. */
    public void flush() throws IOException {
        endRowGroup();
        beginRowGroup();
        othersBytes = 0;
        buffered = 0;
    }

    private long vectorBytes() {
        long bytes = 0;
        for (int v = 0; v < vectorPages.length; v++) {
            bytes += vectors.get(v).size() + vectorPages[v].getMemSize();
        }
        return bytes;
    }

    private void beginRowGroup() {
        pages = new ColumnChunkPageWriteStore(
                compressor,
                schema,
                new HeapByteBufferAllocator(),
                properties.getColumnIndexTruncateLength(),
                properties.getPageWriteChecksumEnabled(),
                file.getEncryptor(),
                rowGroups);
        vectorPages = vectors.stream()
                .map(vector -> pages.getPageWriter(schema.getColumns().stream()
                        .filter(leaf -> leaf.getPath()[0].equals(vector.type().getName()))
                        .findFirst()
                        .orElseThrow()))
                .toArray(PageWriter[]::new);
        others.beginRowGroup(properties, pages);
    }

    private void endRowGroup() throws IOException {
        for (int v = 0; v < vectorPages.length; v++) {
            vectors.get(v).flush(vectorPages[v]);
        }
        others.endRowGroup();
        if (groupRows > 0) {
            file.startBlock(groupRows);
            pages.flushToFileWriter(file);
            file.endBlock();
            rowGroups++;
            groupRows = 0;
        }
    }

    /** The number of rows that have ended. */
    public long rows() {
        return rows;
    }

    /** Completes the file; only {@link #close} may follow. */
    public void finish() throws IOException {
        endRowGroup();
        file.end(notes);
    }

    /** Frees the buffers. Without {@link #finish}, the file is not a valid Parquet file. */
    @Override
    public void close() throws IOException {
        compressor.release();
        codecs.release();
        target.close();
    }
}
