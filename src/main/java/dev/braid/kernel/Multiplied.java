package dev.braid.kernel;

/** The type of the numbers that linear maps multiply. */
enum Multiplied {
    FLOAT32,
    BFLOAT16,
    INT8
}
