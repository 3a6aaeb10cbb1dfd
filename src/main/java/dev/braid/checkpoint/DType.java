package dev.braid.checkpoint;

import java.util.Arrays;
import java.util.Optional;

/**
 * The element types of the safetensors format, under its own names. Sizes are known for all of them, but only F16,
 * BF16, F32 and F64 can be weights.
 *
 * @see <a
 *     href="https://github.com/huggingface/safetensors/blob/main/safetensors/src/tensor.rs">safetensors/src/tensor.rs</a>
 */
public enum DType {
    BOOL(8),
    F4(4),
    F6_E2M3(6),
    F6_E3M2(6),
    U8(8),
    I8(8),
    F8_E5M2(8),
    F8_E4M3(8),
    F8_E8M0(8),
    F8_E4M3FNUZ(8),
    F8_E5M2FNUZ(8),
    I16(16),
    U16(16),
    F16(16),
    BF16(16),
    I32(32),
    U32(32),
    F32(32),
    C64(64),
    F64(64),
    I64(64),
    U64(64);

    private final int bits;

    DType(int bits) {
        this.bits = bits;
    }

    /** Bits per element. */
    public int bits() {
        return bits;
    }

    /** Whether a tensor of this type can be a weight. */
    boolean isWeight() {
        return this == F32 || this == F16 || this == BF16 || this == F64;
    }

    static Optional<DType> find(String name) {
        return Arrays.stream(values())
                .filter(dtype -> dtype.name().equals(name))
                .findFirst();
    }
}
