package dev.braid.parquet;

import java.util.Arrays;
import org.apache.parquet.bytes.BytesInput;
import org.apache.parquet.column.statistics.Statistics;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Types;

/**
 * A column with one binary value per row, never null. Each value is stored as four little-endian bytes of its length, then
 * its bytes.
 */
public final class Binaries extends VectorColumn {
    private static final int LENGTH_BYTES = Integer.BYTES;

    /** The positions of the current row's value, and of the smallest and largest value of the page; -1 if there is none. */
    private int latest = -1;

    private int least = -1;
    private int greatest = -1;

    private Binaries(String name) {
        super(Types.required(PrimitiveTypeName.BINARY).named(name));
    }

    public static Binaries of(String name) {
        return new Binaries(name);
    }

    /** Adds the first {@code length} bytes of {@code value}. */
    public void add(byte[] value, int length) {
        latest = reserve(LENGTH_BYTES + length);
        for (int i = 0; i < LENGTH_BYTES; i++) {
            values()[latest + i] = (byte) (length >>> (i * Byte.SIZE));
        }
        System.arraycopy(value, 0, values(), latest + LENGTH_BYTES, length);
    }

    @Override
    void end() {
        super.end();
        if (least < 0 || compare(latest, least) < 0) {
            least = latest;
        }
        if (greatest < 0 || compare(latest, greatest) > 0) {
            greatest = latest;
        }
    }

    private int compare(int one, int other) {
        return Arrays.compareUnsigned(
                values(), one + LENGTH_BYTES, end(one), values(), other + LENGTH_BYTES, end(other));
    }

    private int end(int value) {
        int length = 0;
        for (int i = 0; i < LENGTH_BYTES; i++) {
            length |= (values()[value + i] & 0xff) << (i * Byte.SIZE);
        }
        return value + LENGTH_BYTES + length;
    }

    @Override
    BytesInput page(BytesInput values) {
        return values;
    }

    @Override
    int count() {
        return rows();
    }

    @Override
    Statistics<?> statistics() {
        Statistics<?> statistics = Statistics.createStats(leaf());
        for (int value : new int[] {least, greatest}) {
            statistics.updateStats(
                    Binary.fromConstantByteArray(Arrays.copyOfRange(values(), value + LENGTH_BYTES, end(value))));
        }
        return statistics;
    }

    @Override
    void clear() {
        latest = -1;
        least = -1;
        greatest = -1;
    }
}
