package dev.braid.decode;

import java.io.Serializable;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/**
 * What happens to rows that cannot be fused.
 *
 * @param onBadRow what happens to all of them except those that lack a modality; if rows are fused without the modalities
 *     that they lack, also to those that lack all, or one that the model needs
 * @param maxBadRows how many rows may be set aside, of both kinds together
 * @param onMissing what happens to rows that lack a modality
 */
public record RowPolicy(OnBadRow onBadRow, MaxBadRows maxBadRows, OnMissing onMissing) implements Serializable {

    /** Every such row ends the run. */
    public static final RowPolicy FAIL = new RowPolicy(OnBadRow.FAIL, MaxBadRows.UNLIMITED, OnMissing.FAIL);

    /** What a bad row does. */
    public enum OnBadRow {
        /** It ends the run, and nothing is published. */
        FAIL,
        /** It is set aside, with its reason. */
        QUARANTINE;

        /** The name users write. */
        public String configName() {
            return RowPolicy.configName(this);
        }

        public static Optional<OnBadRow> parse(String configName) {
            return RowPolicy.parse(values(), configName);
        }
    }

    /** What a row without one of the modalities does. */
    public enum OnMissing {
        /** It ends the run. */
        FAIL,
        /** It is set aside. */
        QUARANTINE,
        /** It is fused from the modalities that it has, as if a mask dropped all tokens of the others. */
        FUSE_REST;

        /** The name users write. */
        public String configName() {
            return RowPolicy.configName(this);
        }

        public static Optional<OnMissing> parse(String configName) {
            return RowPolicy.parse(values(), configName);
        }
    }

    /** Whether a row that is bad for this reason is set aside; otherwise it ends the run. */
    public boolean quarantines(Reason reason) {
        if (reason == Reason.MISSING_MODALITY && !fusesRest()) {
            return onMissing == OnMissing.QUARANTINE;
        }
        return onBadRow == OnBadRow.QUARANTINE;
    }

    /** Whether any row may be set aside. */
    public boolean quarantines() {
        return onBadRow == OnBadRow.QUARANTINE || onMissing == OnMissing.QUARANTINE;
    }

    /** Whether rows are fused without the modalities that they lack. */
    public boolean fusesRest() {
        return onMissing == OnMissing.FUSE_REST;
    }

    private static String configName(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static <E extends Enum<E>> Optional<E> parse(E[] values, String configName) {
        return Arrays.stream(values)
                .filter(value -> configName(value).equals(configName))
                .findFirst();
    }
}
