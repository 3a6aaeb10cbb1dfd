package dev.braid.task;

import dev.braid.parquet.Binaries;
import dev.braid.parquet.FloatLists;
import dev.braid.parquet.VectorColumn;
import dev.braid.rows.RowWriter;
import dev.braid.rows.VectorOutput;
import java.util.List;

/** Writes vectors directly into the pages of a file's columns. */
final class FileVectors implements VectorOutput {
    private final List<VectorColumn> columns;

    /** The columns, by place. */
    FileVectors(List<VectorColumn> columns) {
        this.columns = columns;
    }

    @Override
    public void begin() {
        columns.forEach(VectorColumn::begin);
    }

    @Override
    public long floats(int place, float[] values, long hash) {
        return next(place, 0, values, hash);
    }

    @Override
    public void beginList(int place, int count) {
        // A page needs no count.
    }

    @Override
    public long next(int place, int index, float[] values, long hash) {
        FloatLists column = (FloatLists) columns.get(place);
        int first = column.add(index, values);
        return RowWriter.hash(hash, column.values(), first, values.length * Float.BYTES);
    }

    @Override
    public void endList(int place) {
        // A page needs no end of a list.
    }

    @Override
    public void bytes(int place, byte[] values, int length) {
        ((Binaries) columns.get(place)).add(values, length);
    }
}
