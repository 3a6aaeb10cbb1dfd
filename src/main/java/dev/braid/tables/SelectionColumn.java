package dev.braid.tables;

import java.io.Serializable;
import java.util.Locale;

/**
 * The column that says which tokens of a modality are kept. The others are left out before anything is computed, as if the
 * attention mask hid them and their outputs were removed. A kept token keeps its position.
 *
 * @param kind whether it holds masks or lengths
 * @param column the column's name in the modality's table
 */
public record SelectionColumn(Kind kind, String column) implements Serializable {

    /** What the values of the column are. */
    public enum Kind {
        /** An array of one entry per stored token: 1 or true keeps it, 0 or false drops it, anywhere. */
        MASK,
        /** The number of tokens that are kept, beginning with the first. */
        LENGTH;

        /** The word for it in messages. */
        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** A column of masks. */
    public static SelectionColumn mask(String column) {
        return new SelectionColumn(Kind.MASK, column);
    }

    /** A column of lengths. */
    public static SelectionColumn length(String column) {
        return new SelectionColumn(Kind.LENGTH, column);
    }
}
