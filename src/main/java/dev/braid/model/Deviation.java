package dev.braid.model;

import dev.braid.checkpoint.GoldenOutput;

/**
 * How far one number of a model is from PyTorch's.
 *
 * @param tensor the output's name in the golden file
 * @param row the row of the golden file
 * @param token the row's token, or -1 if the output has one vector per row
 * @param element index into the vector
 * @param expected PyTorch's number
 * @param got this model's number
 * @param error {@code |got - expected|} relative to the root mean square of PyTorch's vector, so that small vectors are
 *     checked as strictly as large ones; 0 if both numbers are equal, infinite if {@code got} is NaN
 */
public record Deviation(String tensor, int row, int token, int element, float expected, float got, double error) {
    static final Deviation NONE = new Deviation("", 0, -1, 0, 0, 0, -1);

    /** The largest deviation between two vectors. */
    static Deviation of(GoldenOutput output, int index, int row, int token, float[] got) {
        float[] expected = output.row(index);
        double size = rootMeanSquare(expected);
        Deviation largest = NONE;
        for (int i = 0; i < expected.length; i++) {
            double error = error(got[i], expected[i], size);
            if (error > largest.error) {
                largest = new Deviation(output.name(), row, token, i, expected[i], got[i], error);
            }
        }
        return largest;
    }

    private static double error(float got, float expected, double size) {
        if (got == expected) {
            return 0;
        }
        double error = Math.abs((double) got - expected) / size;
        return Double.isNaN(error) ? Double.POSITIVE_INFINITY : error;
    }

    private static double rootMeanSquare(float[] vector) {
        double squares = 0;
        for (float number : vector) {
            squares += (double) number * number;
        }
        return Math.sqrt(squares / vector.length);
    }

    Deviation larger(Deviation other) {
        return other.error > error ? other : this;
    }

    /** Where it is, and both numbers: {@code 'fused', row 2, token 5, element 17: 0.25 instead of 1.5}. */
    @Override
    public String toString() {
        return "'" + tensor + "', row " + row + (token < 0 ? "" : ", token " + token) + ", element " + element + ": "
                + got + " instead of " + expected;
    }
}
