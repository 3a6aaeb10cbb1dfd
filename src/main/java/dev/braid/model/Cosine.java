package dev.braid.model;

import dev.braid.checkpoint.GoldenOutput;
import java.math.BigDecimal;
import java.math.RoundingMode;

/**
 * The cosine between a vector of the model and the same vector of PyTorch.
 *
 * @param tensor the output's name in the golden file
 * @param row the row of the golden file
 * @param token the row's token, or -1 if the output has one vector per row
 * @param value the cosine of the angle between both: 1 if both are zero, -1 if only one is zero or a number is not
 *     finite
 */
public record Cosine(String tensor, int row, int token, double value) {
    static final Cosine NONE = new Cosine("", 0, -1, 1);

    static Cosine of(GoldenOutput output, int index, int row, int token, float[] got) {
        return new Cosine(output.name(), row, token, between(output.row(index), got));
    }

    private static double between(float[] expected, float[] got) {
        double product = 0;
        double squaresExpected = 0;
        double squaresGot = 0;
        for (int i = 0; i < expected.length; i++) {
            product += (double) expected[i] * got[i];
            squaresExpected += (double) expected[i] * expected[i];
            squaresGot += (double) got[i] * got[i];
        }
        if (squaresExpected == 0 && squaresGot == 0) {
            return 1;
        }
        double cosine = product / Math.sqrt(squaresExpected * squaresGot);
        return Double.isFinite(cosine) ? cosine : -1;
    }

    Cosine smaller(Cosine other) {
        return other.value < value ? other : this;
    }

    /** The value to six digits, rounded down, so that a value below a limit is never shown as the limit. */
    public String digits() {
        return BigDecimal.valueOf(value).setScale(6, RoundingMode.FLOOR).toString();
    }

    /** Where it is: {@code 'pooled', row 2}. */
    @Override
    public String toString() {
        return "'" + tensor + "', row " + row + (token < 0 ? "" : ", token " + token);
    }
}
