package dev.braid.decode;

import dev.braid.batch.CheckedCopy;
import dev.braid.batch.FeatureSequence;
import dev.braid.batch.FirstTokens;
import dev.braid.batch.NoTokens;
import dev.braid.batch.RowPositions;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.decode.DecodedRow.Sequences;
import dev.braid.rows.SourceFile;
import dev.braid.rows.StoredRow;
import dev.braid.tables.FeatureColumn;
import dev.braid.tables.PairedColumns;
import java.io.Serializable;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.StructType;

/**
 * Reads a paired row without copying it: its features become sequences that point into the row ({@link SequenceDecoder}), and
 * a row that cannot be fused becomes a {@link BadRow}. Nulls are found before values are read. A value that is not finite is
 * found when it is copied; {@link #notFinite} then finds its position for the message.
 */
public final class RowDecoder implements Serializable {
    private static final long serialVersionUID = 1L;

    /** The name of the key; null if rows have no key. */
    private final String key;

    private final List<FeatureColumn> features;
    /** The type of the key, which is column 0; null if rows have no key. */
    private final DataType keyType;

    private final List<SequenceDecoder> decoders;
    private final boolean truncate;
    private final int maxTokens;
    private final int learnedTokens;
    private final boolean hasCls;
    /** The number of positions in the model's table for whole rows. */
    private final int longestRow;

    /** The name of the pooling that reads first tokens, for messages. */
    private final String pooling;
    /** For each modality, whether its first token is pooled. */
    private final boolean[] poolsFirstToken;

    /** For each stream without learned tokens, the indices of its modalities: a row must have at least one of them. */
    private final List<List<Integer>> streams;
    /** Whether a row may lack modalities. */
    private final boolean fusesRest;

    private final boolean takesVectors;

    /**
     * A decoder of the rows of a paired table.
     *
     * @param key the user's name of the key; null if rows have no key
     * @param features a column per modality, in the model's order
     * @param paired the table's schema, with the names of {@link PairedColumns}
     */
    public RowDecoder(
            String key, List<FeatureColumn> features, RowLimits limits, ModelConfig model, StructType paired) {
        this.key = key;
        this.features = features;
        this.keyType = key == null ? null : paired.fields()[0].dataType();
        this.decoders = new ArrayList<>();
        for (int m = 0; m < features.size(); m++) {
            FeatureColumn feature = features.get(m);
            TokenSelection selection = null;
            if (feature.selection() != null) {
                int ordinal = paired.fieldIndex(PairedColumns.selection(m));
                selection = new TokenSelection(feature, paired.fields()[ordinal].dataType(), ordinal);
            }
            int ordinal = paired.fieldIndex(PairedColumns.feature(m));
            ColumnDecoder stored = ColumnDecoder.ofFeatures(feature, paired.fields()[ordinal].dataType(), ordinal);
            ColumnDecoder boxes = null;
            if (feature.boxes() != null) {
                int ofBoxes = paired.fieldIndex(PairedColumns.boxes(m));
                boxes = ColumnDecoder.ofBoxes(feature, paired.fields()[ofBoxes].dataType(), ofBoxes);
            }
            decoders.add(new SequenceDecoder(stored, boxes, selection));
        }
        this.truncate = limits.truncate();
        this.maxTokens = limits.maxTokens();
        this.learnedTokens = model.learnedTokens();
        this.hasCls = model.clsToken();
        this.longestRow = model.positions().longestRow();
        this.pooling = model.firstTokenPooling().configName();
        this.poolsFirstToken = new boolean[model.modalities().size()];
        model.firstTokenModalities(limits.pools()).forEach(m -> poolsFirstToken[m] = true);
        this.streams = model.streamsWithoutLearnedTokens();
        this.fusesRest = limits.fusesRest();
        this.takesVectors = model.takesVectors();
    }

    /** The row's sequences, valid until the next row is read, or why it cannot be fused. */
    public DecodedRow decode(StoredRow row) {
        if (keyType != null && row.isNullAt(0)) {
            return bad(row, new Fault(Reason.NULL_KEY, null, key, null, "is null, expected a key"));
        }
        try {
            Sequences sequences = sequences(row);
            long tokens = learnedTokens;
            for (FeatureSequence sequence : sequences.byModality()) {
                tokens += sequence.tokens();
            }
            return tokens <= maxTokens ? sequences : bad(row, tooLong(tokens));
        } catch (UnfitValueException unfit) {
            return bad(row, unfit.fault());
        }
    }

    public int modalities() {
        return decoders.size();
    }

    /** Remembers this row: {@link #repeats} compares the next row with it. */
    public void remember(StoredRow row) {
        decoders.forEach(decoder -> decoder.remember(row));
    }

    /** Whether a row's features of a modality equal those of the remembered row; its mask or length may differ. */
    public boolean repeats(StoredRow row, int modality) {
        return decoders.get(modality).repeats(row);
    }

    /** The bad row for a decoded row that holds a NaN or an infinity; the message names the first one. */
    public BadRow notFinite(StoredRow row, Sequences decoded) {
        for (int m = 0; m < decoders.size(); m++) {
            FeatureSequence sequence = decoded.byModality().get(m);
            FeatureColumn feature = features.get(m);
            int width = feature.modality().tokenSize(); // ids may be fewer numbers; the others stay 0
            FloatBuffer values = FloatBuffer.allocate(Math.multiplyExact(sequence.tokens(), width));
            sequence.copyTo(new CheckedCopy(values), 0, sequence.tokens());
            for (int i = 0; i < values.capacity(); i++) {
                if (!Float.isFinite(values.get(i))) {
                    int token = sequence.position(i / width);
                    String detail =
                            "holds " + values.get(i) + " at token " + token + ", expected finite float32 numbers";
                    String modality = feature.modality().name();
                    String column = i % width < feature.modality().featureSize() ? feature.column() : feature.boxes();
                    return bad(row, new Fault(Reason.NON_FINITE_VALUE, modality, column, token, detail));
                }
            }
        }
        throw new IllegalStateException("every value of the row is finite");
    }

    /** The bad row for a fused row whose result does not fit an output column. */
    public BadRow unfit(InternalRow carried, String sourceFile, UnfitValueException unfit) {
        return new BadRow(carried, keyType, unfit.fault(), sourceFile);
    }

    private Sequences sequences(StoredRow row) throws UnfitValueException {
        List<FeatureSequence> sequences = new ArrayList<>(decoders.size());
        boolean truncated = false;
        for (int m = 0; m < decoders.size(); m++) {
            FeatureColumn feature = features.get(m);
            if (fusesRest && decoders.get(m).isMissing(row)) {
                checkNotPooled(m);
                sequences.add(NoTokens.INSTANCE);
                continue;
            }
            FeatureSequence sequence = decoders.get(m).decode(row);
            if (poolsFirstToken[m] && sequence.position(0) != 0) {
                throw new UnfitValueException(new Fault(
                        Reason.POOLED_TOKEN_DROPPED,
                        feature.modality().name(),
                        feature.selection().column(),
                        0,
                        "drops token 0, expected it kept (pooling '" + pooling + "' reads it)"));
            }
            if (sequence.position(sequence.tokens() - 1) >= feature.modality().maxPositions()) {
                sequence = truncated(sequence, feature);
                truncated = true;
            }
            sequences.add(sequence);
        }
        checkNoStreamIsEmpty(sequences);
        checkPositions(sequences);
        return new Sequences(sequences, truncated);
    }

    private void checkNoStreamIsEmpty(List<FeatureSequence> sequences) throws UnfitValueException {
        if (sequences.stream().allMatch(NoTokens.INSTANCE::equals)) {
            throw new UnfitValueException(
                    Fault.ofRow(Reason.MISSING_MODALITY, "no modality is present, expected at least one"));
        }
        for (List<Integer> modalities : streams) {
            if (modalities.stream().map(sequences::get).allMatch(NoTokens.INSTANCE::equals)) {
                FeatureColumn first = features.get(modalities.get(0));
                throw unfit(
                        Reason.MISSING_MODALITY,
                        first,
                        "is null, expected features (the model's layers attend to them)");
            }
        }
    }

    /** Refuses a row with more tokens than the model has positions for whole rows. */
    private void checkPositions(List<FeatureSequence> sequences) throws UnfitValueException {
        if (longestRow == ModalityConfig.UNLIMITED) {
            return;
        }
        long positions = RowPositions.count(learnedTokens, sequences);
        if (positions > longestRow) {
            throw new UnfitValueException(Fault.ofRow(
                    Reason.TOO_LONG,
                    positions + " positions, tokens that are not kept included, expected at most " + longestRow
                            + " (position table of the row in the model)"));
        }
    }

    /** Refuses a row without the modality whose first token the pooling takes. */
    private void checkNotPooled(int missing) throws UnfitValueException {
        if (poolsFirstToken[missing]) {
            throw unfit(
                    Reason.MISSING_MODALITY,
                    features.get(missing),
                    "is null, expected features (pooling '" + pooling + "' reads their first token)");
        }
    }

    /** A sequence that is too long, cut to the tokens that the model has positions for. */
    private FeatureSequence truncated(FeatureSequence sequence, FeatureColumn feature) throws UnfitValueException {
        ModalityConfig modality = feature.modality();
        String kept = feature.selection() == null ? "" : " up to the last one kept";
        if (takesVectors) {
            throw unfit(
                    Reason.TOO_LONG,
                    feature,
                    "has " + (sequence.position(sequence.tokens() - 1) + 1)
                            + " tokens, expected 1 (the model takes one vector per modality)");
        }
        String found = "has " + (sequence.position(sequence.tokens() - 1) + 1) + " tokens" + kept
                + ", expected at most " + modality.maxPositions() + " (position table of '" + modality.name() + "')";
        if (!truncate) {
            throw unfit(Reason.TOO_LONG, feature, found + "; --truncate would cut it");
        }
        int tokens = 0;
        while (sequence.position(tokens) < modality.maxPositions()) {
            tokens++;
        }
        if (tokens == 0) {
            throw unfit(Reason.EMPTY_MASK, feature, found + "; --truncate would leave no kept token");
        }
        return new FirstTokens(sequence, tokens, modality.maxPositions());
    }

    private static UnfitValueException unfit(Reason reason, FeatureColumn feature, String detail) {
        return new UnfitValueException(new Fault(reason, feature.modality().name(), feature.column(), null, detail));
    }

    private Fault tooLong(long tokens) {
        String cls = learnedTokens == 0 ? "" : hasCls ? " with CLS" : " with learned ones";
        return Fault.ofRow(
                Reason.TOO_LONG,
                tokens + " tokens" + cls + ", expected at most " + maxTokens + " (--max-tokens); --max-tokens " + tokens
                        + " would do");
    }

    private BadRow bad(StoredRow row, Fault fault) {
        return new BadRow(row.carried(), keyType, fault, new SourceFile().of(row));
    }
}
