package dev.braid.kernel;

/**
 * Functions of float32 numbers without branches or tables, several times as fast as the double functions in {@link
 * Math}.
 */
final class FloatMath {
    /**
     * Adding this to a float between -2^22 and 2^22 rounds it to an integer, which the lowest bits of the sum then
     * hold.
     */
    private static final float ROUNDING = 0x1.8p23f;

    private static final float LOG2_E = 1.442695f;
    /**
     * ln 2 = LN2_HIGH + LN2_LOW. LN2_HIGH has so few bits that its product with an integer of up to 9 bits is exact.
     */
    private static final float LN2_HIGH = 0x1.62ep-1f;

    private static final float LN2_LOW = 0x1.0bfbe8p-15f;
    private static final float LEAST = -87.3f;
    private static final float MOST = 88.3f;

    private static final float SQRT_HALF = (float) Math.sqrt(0.5);
    private static final float SQRT_2_OVER_PI = (float) Math.sqrt(2 / Math.PI);

    private FloatMath() {}

    /**
     * {@code e^x} with a relative error of at most 2e-7. An x outside -87.3 .. 88.3 is replaced by the nearer end.
     * Computed as 2^n times the Taylor polynomial of {@code x - n ln 2}, which is at most half of ln 2 in size.
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

    /**
     * {@code x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2} within 5e-7 max(1, |x|). Computed as {@code x / (1 +
     * e^(-2 z))}, where z is the argument of tanh.
     */
    static float geluTanh(float x) {
        float z = SQRT_2_OVER_PI * (x + 0.044715f * x * x * x);
        return x / (1f + exp(-2f * z));
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
