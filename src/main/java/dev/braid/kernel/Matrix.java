package dev.braid.kernel;

import java.nio.FloatBuffer;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.javacpp.FloatPointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A row-major float matrix [rows, columns] in off-heap memory that ND4J allocates, or a window into one: a range of its
 * rows, or of its columns, on the same memory. Element (r, c) lies {@code r * stride + c} floats behind the first one.
 */
public final class Matrix implements AutoCloseable {
    /** The most elements that one matrix holds: those whose bytes a Java buffer can span. */
    public static final int MAX_ELEMENTS = Integer.MAX_VALUE / Float.BYTES;

    /** Bytes of a cache line and of the widest vector register: matrices begin at multiples of it, as ND4J's buffers do not. */
    private static final int CACHE_LINE = 64;

    static {
        NativeMemory.unguard();
        NativeCache.own();
    }

    private static final AtomicLong HELD = new AtomicLong();

    private final INDArray owner;
    private final FloatPointer base;
    private final FloatBuffer memory;
    private final int offset;
    private final FloatPointer pointer;
    private final int rows;
    private final int columns;
    private final int stride;

    private Matrix(
            INDArray owner, FloatPointer base, FloatBuffer memory, int offset, int rows, int columns, int stride) {
        this.owner = owner;
        this.base = base;
        this.memory = memory;
        this.offset = offset;
        this.pointer = base.getPointer(offset);
        this.rows = rows;
        this.columns = columns;
        this.stride = stride;
    }

    /** Bytes that {@link #allocate} takes for a matrix of these sizes. */
    public static long bytes(long rows, long columns) {
        return rows * columns * Float.BYTES + CACHE_LINE;
    }

    /** Bytes of all matrices of this JVM that are not closed. */
    public static long heldBytes() {
        return HELD.get();
    }

    /**
     * A new matrix of zeros; {@link #close} frees its memory.
     *
     * @throws IllegalArgumentException if it would hold no element, or more than 2^29 - 1 of them
     * @throws dev.braid.InputException on anything but x86-64 Linux with glibc
     */
    public static Matrix allocate(int rows, int columns) {
        Platform.check();
        long elements = (long) rows * columns;
        if (rows < 1 || columns < 1 || elements > MAX_ELEMENTS) {
            throw new IllegalArgumentException(
                    "a matrix holds 1 to " + MAX_ELEMENTS + " floats, got [" + rows + ", " + columns + "]");
        }
        INDArray owner = create(bytes(rows, columns) / Float.BYTES);
        HELD.addAndGet(owner.length() * Float.BYTES);
        FloatPointer memory = new FloatPointer(owner.data().addressPointer());
        long past = memory.address() % CACHE_LINE;
        FloatPointer base = memory.getPointer(past == 0 ? 0 : (CACHE_LINE - past) / Float.BYTES);
        base.capacity(elements);
        return new Matrix(owner, base, base.asBuffer(), 0, rows, columns, columns);
    }

    /** Floats of zeros that are nobody else's: a workspace of ND4J's that the caller is in would take them back. */
    @SuppressWarnings("try") // a scope works by being open
    private static INDArray create(long floats) {
        try (MemoryWorkspace outside = Nd4j.getWorkspaceManager().scopeOutOfWorkspaces()) {
            return Nd4j.create(DataType.FLOAT, floats);
        }
    }

    /** The window on {@code count} rows from {@code first} on. */
    public Matrix rows(int first, int count) {
        checkRange("rows", first, count, rows);
        return new Matrix(owner, base, memory, offset + first * stride, count, columns, stride);
    }

    /** The window on {@code count} columns from {@code first} on. */
    public Matrix columns(int first, int count) {
        checkRange("columns", first, count, columns);
        return new Matrix(owner, base, memory, offset + first, rows, count, stride);
    }

    private static void checkRange(String what, int first, int count, int limit) {
        if (first < 0 || count < 1 || first > limit - count) {
            throw new IndexOutOfBoundsException(what + " " + first + " to " + ((long) first + count) + " of " + limit);
        }
    }

    public int rows() {
        return rows;
    }

    public int columns() {
        return columns;
    }

    /** Floats from one row to the next; equals the columns where the matrix is dense. */
    public int stride() {
        return stride;
    }

    /** The same memory, from this matrix's first element to its last. */
    public FloatBuffer buffer() {
        return memory.slice(offset, (rows - 1) * stride + columns);
    }

    /** The address of the first element. */
    FloatPointer pointer() {
        return pointer;
    }

    /** Frees the memory, under every window as well. */
    @Override
    public void close() {
        if (!owner.wasClosed()) {
            HELD.addAndGet(-owner.length() * Float.BYTES);
        }
        owner.close();
    }

    @Override
    public String toString() {
        return "[" + rows + ", " + columns + "]";
    }
}
