package dev.braid.kernel;

import java.lang.ref.Reference;
import java.nio.FloatBuffer;
import org.bytedeco.javacpp.FloatPointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The numbers of a matrix of ND4J's, row after row, as float32. */
public final class ArrayNumbers {
    /** Holds the memory. */
    private final INDArray array;

    private final FloatBuffer numbers;

    /**
     * Reads the array's own memory where its rows lie there as float32 one after the other, else a copy.
     *
     * @param array [rows, columns], of any type, order and strides; changes to it may show or not
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

    /** The memory of a dense array; only as long as that is reachable. */
    static FloatBuffer floats(INDArray dense) {
        return new FloatPointer(dense.data().addressPointer())
                .capacity(dense.length())
                .asBuffer();
    }

    /** Whether none is NaN or infinite. */
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

    /** Copies {@code count} numbers, from number {@code first} on, into the first of {@code piece}. */
    public void read(int first, int count, float[] piece) {
        try {
            numbers.get(first, piece, 0, count);
        } finally {
            Reference.reachabilityFence(array);
        }
    }
}
