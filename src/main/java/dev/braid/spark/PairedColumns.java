package dev.braid.spark;

/**
 * The names of the columns of a paired table: the key, if rows have one, then the kept columns, then for each modality its
 * features, and its boxes and its mask or length if it has them. The user's own names may occur in several tables; these do not.
 */
final class PairedColumns {
    static final String KEY = "key";

    private PairedColumns() {}

    static String kept(int index) {
        return "keep" + index;
    }

    static String feature(int modality) {
        return "feature" + modality;
    }

    static String boxes(int modality) {
        return "boxes" + modality;
    }

    static String selection(int modality) {
        return "selection" + modality;
    }
}
