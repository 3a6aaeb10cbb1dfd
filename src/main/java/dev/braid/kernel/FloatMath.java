package dev.braid.kernel;

/** Functions of float32 without branches or tables: several times as fast as those of double in {@link Math}. */
final class FloatMath {
    /** Adding it rounds a float of moderate size to an integer, which then stands in the lowest bits. */
    private static final float ROUNDING = 0x1.8p23f;

    private static final float LOG2_E = 1.442695f;
    /** The natural logarithm of 2 as a sum; products of the first term with integers of up to 9 bits are exact. */
    private static final float LN2_HIGH = 0x1.62ep-1f;

    private static final float LN2_LOW = 0x1.0bfbe8p-15f;
    private static final float LEAST = -87.3f;
    private static final float MOST = 88.3f;

    private static final float SQRT_HALF = (float) Math.sqrt(0.5);
    private static final float SQRT_2_OVER_PI = (float) Math.sqrt(2 / Math.PI);

    private FloatMath() {}

    /**
     * {@code e^x} within 2e-7 of itself for x in -87.3 .. 88.3, and what it is at the nearer end beyond: 2^n times the
     * Taylor polynomial of the rest, which is no more than half of ln 2.
     */
    static float exp(float x) {
        float limited = Math.min(Math.max(x, LEAST), MOST);
        float shifted = limited * LOG2_E + ROUNDING;
        float n = shifted - ROUNDING;
        float rest = limited - n * LN2_HIGH - n * LN2_LOW;
        float polynomial = 1f / 5040;
        polynomial = polynomial * rest + 1f / 720;
        polynomial = polynomial * rest + 1f / 120;
        polynomial = polynomial * rest + 1f / 24;
        polynomial = polynomial * rest + 1f / 6;
        polynomial = polynomial * rest + 0.5f;
        polynomial = polynomial * rest * rest + rest + 1f;
        int exponent = Float.floatToRawIntBits(shifted) + 127;
        return polynomial * Float.intBitsToFloat(exponent << 23);
    }

    /** {@code x (1 + erf(x / sqrt 2)) / 2} within 5e-7 max(1, |x|): Abramowitz and Stegun 1964, formula 7.1.26. */
    static float gelu(float x) {
        float z = Math.abs(x) * SQRT_HALF;
        float t = 1f / (1f + 0.3275911f * z);
        float polynomial =
                t * (0.2548296f + t * (-0.28449672f + t * (1.4214138f + t * (-1.4531521f + t * 1.0614054f))));
        float tail = 0.5f * Math.abs(x) * polynomial * exp(-z * z);
        return Math.max(x, 0f) - tail;
    }

    /** {@code x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2} within 5e-7 max(1, |x|), as {@code x} by the logistic function. */
    static float geluTanh(float x) {
        float half = SQRT_2_OVER_PI * (x + 0.044715f * x * x * x);
        return x / (1f + exp(-2f * half));
    }

    /** {@code x / (1 + e^-x)} within 5e-7 max(1, |x|). */
    static float silu(float x) {
        return x / (1f + exp(-x));
    }

    /** {@code 1 / (1 + e^-x)} within 5e-7. */
    static float sigmoid(float x) {
        return 1f / (1f + exp(-x));
    }
}
