package dev.braid.kernel;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.concurrent.atomic.AtomicLong;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Pointer;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A row-major matrix [rows, columns] of float32 numbers in off-heap memory that ND4J allocates, or a view that shares
 * the memory: of a range of rows or columns, or with bfloat16 numbers instead. Element (r, c) is at index {@code r *
 * stride + c}.
 */
public final class Matrix implements AutoCloseable {
    /** The largest number of elements of a matrix: as many floats as a Java byte buffer can hold. */
    public static final int MAX_ELEMENTS = Integer.MAX_VALUE / Float.BYTES;

    /**
     * The alignment of a matrix in bytes: a cache line, and the widest vector register. ND4J's own buffers are not
     * aligned to it.
     */
    private static final int CACHE_LINE = 64;

    static {
        NativeMemory.liftLimit();
        NativeCache.choose();
    }

    private static final AtomicLong HELD = new AtomicLong();

    /** The memory of a matrix and of all its views. */
    private record Memory(INDArray owner, BytePointer base, ByteBuffer bytes, FloatBuffer floats) {}

    private final Memory memory;
    private final boolean bfloat16;
    /** The index of the first element. */
    private final int offset;

    private final Pointer pointer;
    private final int rows;
    private final int columns;
    private final int stride;

    private Matrix(Memory memory, boolean bfloat16, int offset, int rows, int columns, int stride) {
        this.memory = memory;
        this.bfloat16 = bfloat16;
        this.offset = offset;
        this.rows = rows;
        this.columns = columns;
        this.stride = stride;
        this.pointer = memory.base().getPointer((long) offset * elementBytes());
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
     * @throws dev.braid.InputException if this is not Linux with glibc on the kind of processor for which the jar was
     *     built
     */
    public static Matrix allocate(int rows, int columns) {
        Platform.check();
        long elements = (long) rows * columns;
        if (rows < 1 || columns < 1 || elements > MAX_ELEMENTS) {
            throw new IllegalArgumentException(
                    "a matrix holds 1 to " + MAX_ELEMENTS + " floats, got [" + rows + ", " + columns + "]");
        }
        NativeCache.loadOneDnnFirst();
        INDArray owner = create(bytes(rows, columns) / Float.BYTES);
        HELD.addAndGet(owner.length() * Float.BYTES);
        BytePointer start = new BytePointer(owner.data().addressPointer());
        long past = start.address() % CACHE_LINE;
        BytePointer base = start.getPointer(past == 0 ? 0 : CACHE_LINE - past);
        base.capacity(elements * Float.BYTES);
        ByteBuffer bytes = base.asBuffer().order(ByteOrder.nativeOrder());
        return new Matrix(new Memory(owner, base, bytes, bytes.asFloatBuffer()), false, 0, rows, columns, columns);
    }

    /**
     * Zeros outside any ND4J workspace. If the caller has opened a workspace, memory in it would be reused when the
     * workspace closes.
     */
    @SuppressWarnings("try") // the scope holds while it is open; nothing reads it
    private static INDArray create(long floats) {
        try (MemoryWorkspace outside = Nd4j.getWorkspaceManager().scopeOutOfWorkspaces()) {
            return Nd4j.create(DataType.FLOAT, floats);
        }
    }

    /** A view of {@code count} rows, beginning with row {@code first}. */
    public Matrix rows(int first, int count) {
        checkRange("rows", first, count, rows);
        return new Matrix(memory, bfloat16, offset + first * stride, count, columns, stride);
    }

    /** A view of {@code count} columns, beginning with column {@code first}. */
    public Matrix columns(int first, int count) {
        checkRange("columns", first, count, columns);
        return new Matrix(memory, bfloat16, offset + first, rows, count, stride);
    }

    private static void checkRange(String what, int first, int count, int limit) {
        if (first < 0 || count < 1 || first > limit - count) {
            throw new IndexOutOfBoundsException(what + " " + first + " to " + ((long) first + count) + " of " + limit);
        }
    }

    /**
     * A view of the same shape whose elements are bfloat16, in the first half of the memory. Numbers written through
     * one of the two are meaningless when read through the other.
     */
    Matrix asBfloat16() {
        if (offset != 0) {
            throw new IllegalArgumentException("a view of a range of rows or columns cannot change its type");
        }
        return new Matrix(memory, true, 0, rows, columns, stride);
    }

    /** Whether the elements are bfloat16 instead of float32. */
    boolean isBfloat16() {
        return bfloat16;
    }

    int elementBytes() {
        return bfloat16 ? Short.BYTES : Float.BYTES;
    }

    public int rows() {
        return rows;
    }

    public int columns() {
        return columns;
    }

    /** Elements from one row to the next; equals the number of columns if the matrix is dense. */
    public int stride() {
        return stride;
    }

    /**
     * The memory from this matrix's first element to its last one.
     *
     * @throws IllegalStateException if the elements are bfloat16
     */
    public FloatBuffer buffer() {
        if (bfloat16) {
            throw new IllegalStateException("a matrix of bfloat16 numbers has no floats");
        }
        return memory.floats().slice(offset, span());
    }

    /** The same memory as bytes in the processor's order. */
    ByteBuffer bytes() {
        return memory.bytes()
                .slice(offset * elementBytes(), span() * elementBytes())
                .order(ByteOrder.nativeOrder());
    }

    private int span() {
        return (rows - 1) * stride + columns;
    }

    /** The address of the first element. */
    Pointer pointer() {
        return pointer;
    }

    /** The address of the first float. */
    FloatPointer floatPointer() {
        return new FloatPointer(pointer);
    }

    /** Frees the memory, also for all views of it. */
    @Override
    public void close() {
        INDArray owner = memory.owner();
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
