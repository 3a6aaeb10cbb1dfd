package dev.braid.spark;

import dev.braid.batch.BinarySequence;
import dev.braid.batch.DecodedRow;
import dev.braid.batch.DecodedRow.Reason;
import dev.braid.batch.DecodedRow.Rejected;
import dev.braid.batch.DecodedRow.Sequences;
import dev.braid.batch.FeatureSequence;
import java.io.Serializable;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.types.DataType;

/**
 * Reads a paired row as Spark holds it: features become sequences that point into the row, and a row that cannot be
 * fused becomes the reason why. Nulls are seen before values are trusted; whether values are finite shows when they are
 * copied, so {@link #notFinite} names the value afterwards.
 */
final class RowDecoder implements Serializable {
    private static final long serialVersionUID = 1L;

    private final TableColumns columns;
    private final CarriedColumns carried;
    private final FeatureType[] types;
    private final int maxTokens;

    /**
     * A decoder of rows [key, kept columns, features].
     *
     * @param types of the feature columns
     */
    RowDecoder(TableColumns columns, CarriedColumns carried, DataType[] types, int maxTokens) {
        this.columns = columns;
        this.carried = carried;
        this.types = new FeatureType[types.length];
        for (int m = 0; m < types.length; m++) {
            this.types[m] = FeatureType.of(types[m]).orElseThrow();
        }
        this.maxTokens = maxTokens;
    }

    /** The row's sequences, valid until the next row is read, or why it is rejected. */
    DecodedRow decode(InternalRow row) {
        if (row.isNullAt(0)) {
            return new Rejected(
                    Reason.NULL_KEY, "Cannot decode a row: column '" + columns.key() + "' is null, expected a key");
        }
        List<FeatureSequence> sequences = new ArrayList<>(types.length);
        long tokens = 0;
        for (int m = 0; m < types.length; m++) {
            Rejected rejected = decode(row, m, sequences);
            if (rejected != null) {
                return rejected;
            }
            tokens += sequences.get(m).tokens();
        }
        if (tokens > maxTokens) {
            return rejected(
                    row,
                    Reason.TOO_LONG,
                    tokens + " tokens, expected at most " + maxTokens + " (--max-tokens); --max-tokens " + tokens
                            + " would do");
        }
        return new Sequences(sequences);
    }

    /** Why a decoded row could not be packed: its first NaN or infinity. */
    Rejected notFinite(InternalRow row, Sequences decoded) {
        for (int m = 0; m < types.length; m++) {
            FeatureSequence sequence = decoded.byModality().get(m);
            int width = columns.features().get(m).modality().featureSize();
            FloatBuffer values = FloatBuffer.allocate(Math.multiplyExact(sequence.tokens(), width));
            sequence.copyTo(values, 0, sequence.tokens());
            for (int i = 0; i < values.capacity(); i++) {
                if (!Float.isFinite(values.get(i))) {
                    return rejected(
                            row,
                            m,
                            Reason.NOT_FINITE,
                            "holds " + values.get(i) + " at token " + i / width + ", expected finite float32 numbers");
                }
            }
        }
        throw new IllegalStateException("every value of the row is finite");
    }

    /** Adds the sequence of one modality, or gives the reason why there is none; null where there is one. */
    private Rejected decode(InternalRow row, int modality, List<FeatureSequence> sequences) {
        int ordinal = carried.count() + modality;
        if (row.isNullAt(ordinal)) {
            return rejected(row, modality, Reason.NULL_SEQUENCE, "is null, expected a sequence of features");
        }
        FeatureColumn feature = columns.features().get(modality);
        int width = feature.modality().featureSize();
        FeatureType type = types[modality];
        if (type == FeatureType.BINARY) {
            byte[] bytes = row.getBinary(ordinal);
            long tokenBytes = (long) width * feature.elementType().bytes();
            if (bytes.length % tokenBytes != 0) {
                String expected = tokenBytes + " (" + feature.elementType().configName() + " x " + width + ", "
                        + source(modality);
                return rejected(
                        row,
                        modality,
                        Reason.WRONG_WIDTH,
                        "has " + bytes.length + " bytes, expected a multiple of " + expected);
            }
            return add(
                    row,
                    modality,
                    new BinarySequence(bytes, feature.elementType(), (int) (bytes.length / tokenBytes)),
                    sequences);
        }
        ArrayData array = row.getArray(ordinal);
        int firstNull = ArraySequence.firstNull(array);
        if (firstNull >= 0) {
            int token = type.isNested() ? firstNull : firstNull / width;
            return nullAt(row, modality, token);
        }
        if (type.isNested()) {
            return nested(row, modality, array, sequences);
        }
        if (array.numElements() % width != 0) {
            return rejected(
                    row,
                    modality,
                    Reason.WRONG_WIDTH,
                    "has length " + array.numElements() + ", expected a multiple of " + width + " ("
                            + source(modality));
        }
        return add(row, modality, new ArraySequence(array, type, array.numElements() / width), sequences);
    }

    private Rejected nested(InternalRow row, int modality, ArrayData tokens, List<FeatureSequence> sequences) {
        int width = columns.features().get(modality).modality().featureSize();
        for (int t = 0; t < tokens.numElements(); t++) {
            ArrayData token = tokens.getArray(t);
            if (token.numElements() != width) {
                return rejected(
                        row,
                        modality,
                        Reason.WRONG_WIDTH,
                        "has width " + token.numElements() + (t == 0 ? "" : " at token " + t) + ", expected " + width
                                + " (" + source(modality));
            }
            if (ArraySequence.firstNull(token) >= 0) {
                return nullAt(row, modality, t);
            }
        }
        return add(row, modality, new ArraySequence(tokens, types[modality], tokens.numElements()), sequences);
    }

    private Rejected add(InternalRow row, int modality, FeatureSequence sequence, List<FeatureSequence> sequences) {
        if (sequence.tokens() == 0) {
            return rejected(row, modality, Reason.EMPTY_SEQUENCE, "is empty, expected at least one token");
        }
        sequences.add(sequence);
        return null;
    }

    private Rejected nullAt(InternalRow row, int modality, int token) {
        return rejected(row, modality, Reason.NULL_VALUE, "holds null at token " + token + ", expected numbers");
    }

    private Rejected rejected(InternalRow row, int modality, Reason reason, String found) {
        return rejected(
                row, reason, "column '" + columns.features().get(modality).column() + "' " + found);
    }

    private Rejected rejected(InternalRow row, Reason reason, String found) {
        return new Rejected(reason, "Cannot decode row '" + carried.key(row) + "': " + found);
    }

    private String source(int modality) {
        return "feature_size of '" + columns.features().get(modality).modality().name() + "' in config.json)";
    }
}
