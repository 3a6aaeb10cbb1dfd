package dev.braid.kernel;

import java.lang.ref.Reference;
import java.nio.FloatBuffer;
import org.bytedeco.javacpp.FloatPointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The numbers of an ND4J matrix in row-major order, as float32. */
public final class ArrayNumbers {
    /** Keeps the memory of {@link #numbers} alive. */
    private final INDArray array;

    private final FloatBuffer numbers;

    /**
     * Reads the array's own memory if it is row-major float32 without gaps, otherwise a copy.
     *
     * @param array [rows, columns], of any type, order and strides; must not change afterwards, because a copy would
     *     not show the change
     */
    public ArrayNumbers(INDArray array) {
        this.array = isDense(array) ? array : array.castTo(DataType.FLOAT).dup('c');
        this.numbers = floats(this.array);
    }

    private static boolean isDense(INDArray array) {
        return array.dataType() == DataType.FLOAT
                && (array.columns() == 1 || array.stride(1) == 1)
                && (array.rows() == 1 || array.stride(0) == array.columns());
    }

    /** The memory of a dense array. Valid only while the array is reachable. */
    static FloatBuffer floats(INDArray dense) {
        return new FloatPointer(dense.data().addressPointer())
                .capacity(dense.length())
                .asBuffer();
    }

    /** Whether all numbers are finite. */
    public boolean areFinite() {
        try {
            boolean finite = true;
            for (int i = 0; finite && i < numbers.capacity(); i++) {
                finite = Float.isFinite(numbers.get(i));
            }
            return finite;
        } finally {
            Reference.reachabilityFence(array);
        }
    }

    /** Copies {@code count} numbers, beginning with number {@code first}, to the start of {@code piece}. */
    public void read(int first, int count, float[] piece) {
        try {
            numbers.get(first, piece, 0, count);
        } finally {
            Reference.reachabilityFence(array);
        }
    }
}
