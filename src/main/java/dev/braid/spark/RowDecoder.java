package dev.braid.spark;

import dev.braid.batch.DecodedRow;
import dev.braid.batch.DecodedRow.Reason;
import dev.braid.batch.DecodedRow.Rejected;
import dev.braid.batch.DecodedRow.Sequences;
import dev.braid.batch.FeatureSequence;
import dev.braid.batch.FirstTokens;
import dev.braid.batch.PieceCopy;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import java.io.Serializable;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;

/**
 * Reads a paired row where Spark holds it: its features become sequences that point into the row ({@link SequenceDecoder}),
 * and a row that cannot be fused becomes the reason why. Nulls are found before values are read. Values that are not finite
 * are found when they are copied; {@link #notFinite} then names the value.
 */
final class RowDecoder implements Serializable {
    private static final long serialVersionUID = 1L;

    private final TableColumns columns;
    /** Ordinal 0 is the key's; null where rows have no key. */
    private final DataType keyType;

    private final List<SequenceDecoder> decoders;
    private final boolean truncate;
    private final int maxTokens;
    private final int leadingTokens;
    /** The pooling that reads the first token of the first modality, or null. */
    private final Pooling firstTokenPooling;

    /**
     * A decoder of the rows of a {@link PairedTable}.
     *
     * @param paired its schema
     */
    RowDecoder(FusionConfig config, ModelConfig model, StructType paired) {
        this.columns = config.columns();
        this.keyType = columns.key() == null ? null : paired.fields()[0].dataType();
        this.decoders = new ArrayList<>();
        for (int m = 0; m < columns.features().size(); m++) {
            FeatureColumn feature = columns.features().get(m);
            TokenSelection selection = null;
            if (feature.selection() != null) {
                int ordinal = paired.fieldIndex(PairedTable.selection(m));
                selection = new TokenSelection(
                        feature.selection(), paired.fields()[ordinal].dataType(), ordinal, feature.column());
            }
            int ordinal = paired.fieldIndex(PairedTable.feature(m));
            decoders.add(new SequenceDecoder(feature, paired.fields()[ordinal].dataType(), ordinal, selection));
        }
        this.truncate = config.truncate();
        this.maxTokens = config.maxTokens();
        this.leadingTokens = model.leadingTokens();
        boolean first = config.emits(Emitted.POOLED) && model.poolsFirstOfModality();
        this.firstTokenPooling = first ? model.pooling() : null;
    }

    /** The row's sequences, valid until the next row is read, or why it is rejected. */
    DecodedRow decode(StoredRow row) {
        if (keyType != null && row.isNullAt(0)) {
            return new Rejected(
                    Reason.NULL_KEY, "Cannot decode a row: column '" + columns.key() + "' is null, expected a key");
        }
        try {
            Sequences sequences = sequences(row);
            long tokens = leadingTokens;
            for (FeatureSequence sequence : sequences.byModality()) {
                tokens += sequence.tokens();
            }
            return tokens <= maxTokens ? sequences : tooLong(row, tokens);
        } catch (UnfitValueException unfit) {
            return rejected(row, unfit.reason(), unfit.getMessage());
        }
    }

    /** Why a decoded row could not be packed: its first NaN or infinity. */
    Rejected notFinite(StoredRow row, Sequences decoded) {
        for (int m = 0; m < decoders.size(); m++) {
            FeatureSequence sequence = decoded.byModality().get(m);
            FeatureColumn feature = columns.features().get(m);
            int width = feature.modality().featureSize();
            FloatBuffer values = FloatBuffer.allocate(Math.multiplyExact(sequence.tokens(), width));
            sequence.copyTo(new PieceCopy(values), 0, sequence.tokens());
            for (int i = 0; i < values.capacity(); i++) {
                if (!Float.isFinite(values.get(i))) {
                    String found = "column '" + feature.column() + "' holds " + values.get(i) + " at token "
                            + sequence.position(i / width) + ", expected finite float32 numbers";
                    return rejected(row, Reason.NOT_FINITE, found);
                }
            }
        }
        throw new IllegalStateException("every value of the row is finite");
    }

    private Sequences sequences(StoredRow row) throws UnfitValueException {
        List<FeatureSequence> sequences = new ArrayList<>(decoders.size());
        boolean truncated = false;
        for (int m = 0; m < decoders.size(); m++) {
            FeatureColumn feature = columns.features().get(m);
            FeatureSequence sequence = decoders.get(m).decode(row);
            if (m == 0 && firstTokenPooling != null && sequence.position(0) != 0) {
                throw new UnfitValueException(
                        Reason.POOLED_TOKEN_DROPPED,
                        feature.selection().column(),
                        "drops token 0, expected it kept (pooling '" + firstTokenPooling.configName() + "' reads it)");
            }
            if (sequence.position(sequence.tokens() - 1) >= feature.modality().maxPositions()) {
                sequence = truncated(sequence, feature);
                truncated = true;
            }
            sequences.add(sequence);
        }
        return new Sequences(sequences, truncated);
    }

    /** The tokens that the model has a position for, of a sequence that has others. */
    private FeatureSequence truncated(FeatureSequence sequence, FeatureColumn feature) throws UnfitValueException {
        ModalityConfig modality = feature.modality();
        String kept = feature.selection() == null ? "" : " up to the last one kept";
        String found = "has " + (sequence.position(sequence.tokens() - 1) + 1) + " tokens" + kept
                + ", expected at most " + modality.maxPositions() + " (position table of '" + modality.name() + "')";
        if (!truncate) {
            throw new UnfitValueException(Reason.TOO_LONG, feature.column(), found + "; --truncate would cut it");
        }
        int tokens = 0;
        while (sequence.position(tokens) < modality.maxPositions()) {
            tokens++;
        }
        if (tokens == 0) {
            throw new UnfitValueException(
                    Reason.NO_TOKEN_KEPT, feature.column(), found + "; --truncate would leave no kept token");
        }
        return new FirstTokens(sequence, tokens);
    }

    private Rejected tooLong(StoredRow row, long tokens) {
        String cls = leadingTokens == 0 ? "" : " with CLS";
        return rejected(
                row,
                Reason.TOO_LONG,
                tokens + " tokens" + cls + ", expected at most " + maxTokens + " (--max-tokens); --max-tokens " + tokens
                        + " would do");
    }

    /** Why a fused row is rejected: a column of its result. */
    Rejected rejected(InternalRow carried, UnfitValueException unfit) {
        return new Rejected(unfit.reason(), "Cannot fuse " + name(carried) + ": " + unfit.getMessage());
    }

    private Rejected rejected(StoredRow row, Reason reason, String found) {
        return new Rejected(reason, "Cannot decode " + name(row.values()) + ": " + found);
    }

    /** A row by its key, which is the first of the values; by its partition where it has none. */
    private String name(InternalRow values) {
        return keyType == null
                ? "a row of partition " + TaskContext.getPartitionId()
                : "row '" + SparkRows.print(values, 0, keyType) + "'";
    }
}
