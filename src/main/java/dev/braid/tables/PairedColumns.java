package dev.braid.tables;

/**
 * The names of the columns of a paired table: the key, if rows have one, then the kept columns, then for each modality its
 * features, and its boxes and its mask or length if it has them. The user's own names may occur in several tables; these do not.
 */
public final class PairedColumns {
    public static final String KEY = "key";

    private PairedColumns() {}

    public static String kept(int index) {
        return "keep" + index;
    }

    public static String feature(int modality) {
        return "feature" + modality;
    }

    public static String boxes(int modality) {
        return "boxes" + modality;
    }

    public static String selection(int modality) {
        return "selection" + modality;
    }
}
