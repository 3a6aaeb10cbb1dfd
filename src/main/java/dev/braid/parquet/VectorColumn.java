package dev.braid.parquet;

import java.io.IOException;
import java.util.Arrays;
import org.apache.parquet.bytes.BytesInput;
import org.apache.parquet.column.Encoding;
import org.apache.parquet.column.page.PageWriter;
import org.apache.parquet.column.statistics.Statistics;
import org.apache.parquet.schema.PrimitiveType;
import org.apache.parquet.schema.Type;

/**
 * A column of vectors that are never null. Builds the pages itself: values in plain encoding, appended in bulk. A row that
 * is begun again before it has ended leaves no values.
 */
public abstract class VectorColumn {
    private final Type type;
    private byte[] values = new byte[1 << 16];
    private int size;
    private int rows;
    private int endedSize;

    VectorColumn(Type type) {
        this.type = type;
    }

    /** The column as a field of the file's schema. */
    final Type type() {
        return type;
    }

    final PrimitiveType leaf() {
        Type leaf = type;
        while (!leaf.isPrimitive()) {
            leaf = leaf.asGroupType().getType(0);
        }
        return leaf.asPrimitiveType();
    }

    /** Begins a row, and discards the values of a row that was begun and not ended. */
    public void begin() {
        size = endedSize;
    }

    void end() {
        endedSize = size;
        rows++;
    }

    /** Reserves this many bytes and returns their position in {@link #values}. */
    final int reserve(int bytes) {
        int first = size;
        size = Math.addExact(size, bytes);
        if (values.length < size) {
            values = Arrays.copyOf(values, (int) Math.max(size, Math.min(2L * values.length, Integer.MAX_VALUE - 8)));
        }
        return first;
    }

    /** The page's values. Growing replaces the array, so call this again after {@link #reserve}. */
    public final byte[] values() {
        return values;
    }

    final int size() {
        return size;
    }

    final int rows() {
        return rows;
    }

    /** The page that contains these values. */
    abstract BytesInput page(BytesInput values);

    /** The number of floats or binary values in the page. */
    abstract int count();

    abstract Statistics<?> statistics();

    /** Writes the page of the ended rows, if there are any, and begins the next page. */
    void flush(PageWriter pages) throws IOException {
        begin();
        if (rows > 0) {
            BytesInput page = page(BytesInput.from(values, 0, size));
            pages.writePage(page, count(), rows, statistics(), Encoding.RLE, Encoding.RLE, Encoding.PLAIN);
        }
        rows = 0;
        size = 0;
        endedSize = 0;
        clear();
    }

    /** Discards what this column holds about the page, apart from its values. */
    abstract void clear();
}
