package dev.braid.checkpoint;

import java.io.Serializable;
import java.util.Arrays;

/** One tensor of a golden file that PyTorch computed: rows of numbers. */
public final class GoldenOutput implements Serializable {
    private static final long serialVersionUID = 1L;

    private final String name;
    private final int columns;
    private final float[] values;

    GoldenOutput(String name, int columns, float[] values) {
        this.name = name;
        this.columns = columns;
        this.values = values;
    }

    /** The tensor's name in the file. */
    public String name() {
        return name;
    }

    public int rows() {
        return values.length / columns;
    }

    /** A copy of one row. */
    public float[] row(int row) {
        return Arrays.copyOfRange(values, row * columns, (row + 1) * columns);
    }
}
