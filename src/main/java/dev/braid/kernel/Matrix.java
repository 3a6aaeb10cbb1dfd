package dev.braid.kernel;

import java.nio.FloatBuffer;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.javacpp.FloatPointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A row-major float matrix [rows, columns] in off-heap memory that ND4J allocates, or a view of a range of its rows or
 * columns that shares the memory. Element (r, c) is at index {@code r * stride + c}.
 */
public final class Matrix implements AutoCloseable {
    /** The largest number of elements of a matrix: a Java buffer can address this many floats. */
    public static final int MAX_ELEMENTS = Integer.MAX_VALUE / Float.BYTES;

    /**
     * The alignment of a matrix in bytes: a cache line, and the widest vector register. ND4J's own buffers are not aligned
     * to it.
     */
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

    /** The bytes of all open matrices in this JVM. */
    public static long heldBytes() {
        return HELD.get();
    }

    /**
     * A new matrix of zeros; {@link #close} frees its memory.
     *
     * @throws IllegalArgumentException if it would have no element, or more than 2^29 - 1
     * @throws dev.braid.InputException on any platform but Linux with glibc, on the processor for which the jar was built
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

    /**
     * Zeros outside any ND4J workspace. If the caller has opened a workspace, memory in it would be reused when the
     * workspace closes.
     */
    @SuppressWarnings("try") // a scope works by being open
    private static INDArray create(long floats) {
        try (MemoryWorkspace outside = Nd4j.getWorkspaceManager().scopeOutOfWorkspaces()) {
            return Nd4j.create(DataType.FLOAT, floats);
        }
    }

    /** A view of {@code count} rows, beginning with row {@code first}. */
    public Matrix rows(int first, int count) {
        checkRange("rows", first, count, rows);
        return new Matrix(owner, base, memory, offset + first * stride, count, columns, stride);
    }

    /** A view of {@code count} columns, beginning with column {@code first}. */
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

    /** Floats from one row to the next; equals the number of columns if the matrix is dense. */
    public int stride() {
        return stride;
    }

    /** The memory from this matrix's first element to its last one. */
    public FloatBuffer buffer() {
        return memory.slice(offset, (rows - 1) * stride + columns);
    }

    /** The address of the first element. */
    FloatPointer pointer() {
        return pointer;
    }

    /** Frees the memory, also for all views of it. */
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
