package dev.braid.checkpoint;

import dev.braid.tensor.Shape;
import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.DoubleBuffer;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.ShortBuffer;
import java.util.Optional;

/**
 * One tensor as its file holds it: row-major little-endian bytes in chunks of at most {@value #CHUNK_BYTES} bytes.
 * Immutable. Serialised as these chunks.
 */
public final class StoredTensor implements Serializable {
    private static final long serialVersionUID = 1L;

    /** A multiple of every element size, so that no element spans two chunks. */
    static final int CHUNK_BYTES = 64 << 20;

    private static final int STRIP = 4096;

    private final String name;
    private final DType dtype;
    private final Shape shape;
    private final byte[][] chunks;

    /** Takes over {@code chunks}, which hold exactly the bytes of {@code shape}; all but the last are of one size. */
    StoredTensor(String name, DType dtype, Shape shape, byte[][] chunks) {
        this.name = name;
        this.dtype = dtype;
        this.shape = shape;
        this.chunks = chunks;
    }

    /** The name in the file; for some rows of a tensor with their range, such as {@code in_proj_weight[256:512]}. */
    public String name() {
        return name;
    }

    public DType dtype() {
        return dtype;
    }

    public Shape shape() {
        return shape;
    }

    /** The number of stored bytes. */
    public long bytes() {
        long bytes = 0;
        for (byte[] chunk : chunks) {
            bytes += chunk.length;
        }
        return bytes;
    }

    /**
     * Writes all elements at {@code out}'s position and advances it. F32, F16 and BF16 are converted exactly, F64 to
     * the nearest float32.
     *
     * @throws java.nio.BufferOverflowException if {@code out} has too little room
     * @throws IllegalStateException if the tensor is not F32, F16, BF16 or F64
     */
    public void copyTo(FloatBuffer out) {
        for (byte[] chunk : chunks) {
            convert(ByteBuffer.wrap(chunk).order(ByteOrder.LITTLE_ENDIAN), out);
        }
    }

    private void convert(ByteBuffer in, FloatBuffer out) {
        switch (dtype) {
            case F32 -> out.put(in.asFloatBuffer());
            case F16 -> putHalves(in.asShortBuffer(), out);
            case BF16 -> putBrainFloats(in.asShortBuffer(), out);
            case F64 -> putDoubles(in.asDoubleBuffer(), out);
            default -> throw new IllegalStateException("tensor '" + name + "' holds no floats but " + dtype);
        }
    }

    /**
     * Writes all elements at {@code out}'s position and advances it.
     *
     * @throws java.nio.BufferOverflowException if {@code out} has too little room
     * @throws IllegalStateException if the tensor is not I64
     */
    public void copyTo(LongBuffer out) {
        if (dtype != DType.I64) {
            throw new IllegalStateException("tensor '" + name + "' holds no longs but " + dtype);
        }
        for (byte[] chunk : chunks) {
            out.put(ByteBuffer.wrap(chunk).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer());
        }
    }

    /** The first element that is not a finite float32, as {@code NaN at [3, 17]}; empty if there is none. */
    Optional<String> firstNotFinite() {
        FloatBuffer strip = FloatBuffer.allocate(STRIP);
        long index = 0;
        for (byte[] chunk : chunks) {
            int step = STRIP * dtype.bits() / 8;
            for (int from = 0; from < chunk.length; from += step) {
                int length = Math.min(step, chunk.length - from);
                convert(ByteBuffer.wrap(chunk, from, length).order(ByteOrder.LITTLE_ENDIAN), strip.clear());
                float[] values = strip.array();
                for (int i = 0; i < strip.position(); i++) {
                    if (!Float.isFinite(values[i])) {
                        return Optional.of(values[i] + " at " + position(index + i));
                    }
                }
                index += strip.position();
            }
        }
        return Optional.empty();
    }

    private Shape position(long index) {
        long[] position = new long[shape.rank()];
        long rest = index;
        for (int axis = position.length - 1; axis >= 0; axis--) {
            position[axis] = rest % shape.dimension(axis);
            rest /= shape.dimension(axis);
        }
        return Shape.of(position);
    }

    private static void putHalves(ShortBuffer in, FloatBuffer out) {
        float[] strip = new float[STRIP];
        while (in.hasRemaining()) {
            int count = Math.min(STRIP, in.remaining());
            for (int i = 0; i < count; i++) {
                strip[i] = halfToFloat(in.get());
            }
            out.put(strip, 0, count);
        }
    }

    private static void putBrainFloats(ShortBuffer in, FloatBuffer out) {
        float[] strip = new float[STRIP];
        while (in.hasRemaining()) {
            int count = Math.min(STRIP, in.remaining());
            for (int i = 0; i < count; i++) {
                strip[i] = Float.intBitsToFloat(in.get() << 16);
            }
            out.put(strip, 0, count);
        }
    }

    private static void putDoubles(DoubleBuffer in, FloatBuffer out) {
        float[] strip = new float[STRIP];
        while (in.hasRemaining()) {
            int count = Math.min(STRIP, in.remaining());
            for (int i = 0; i < count; i++) {
                strip[i] = (float) in.get();
            }
            out.put(strip, 0, count);
        }
    }

    /**
     * Converts IEEE 754 binary16 to binary32: moves the bits to their new places and multiplies by 2^112, because the
     * exponent's bias is larger by 112.
     */
    private static float halfToFloat(short half) {
        int magnitude = (half & 0x7fff) << 13;
        int sign = (half & 0x8000) << 16;
        int bits = magnitude >= 0x7c00 << 13
                ? magnitude | 0x7f800000
                : Float.floatToRawIntBits(Float.intBitsToFloat(magnitude) * 0x1p112f);
        return Float.intBitsToFloat(sign | bits);
    }

    @Override
    public String toString() {
        return name + " " + dtype + " " + shape;
    }
}
