package dev.braid.plan;

import dev.braid.batch.CheckedCopy;
import dev.braid.batch.FeatureSequence;
import dev.braid.decode.BadRow;
import dev.braid.decode.DecodedRow;
import dev.braid.decode.DecodedRow.Sequences;
import dev.braid.decode.Reason;
import dev.braid.decode.RowDecoder;
import dev.braid.rows.StoredRow;
import java.nio.FloatBuffer;

/**
 * What was found in one modality of one sampled row. A task returns it as text, which every serializer can handle.
 *
 * @param tokens the number of tokens that would be fused; 0 if the row is rejected
 * @param positions the number of rows of a position table that these tokens need
 * @param rejected why the row cannot be fused, or null
 * @param message of the rejection, or null
 */
record SampledRow(int tokens, int positions, Reason rejected, String message) {

    /** Decodes a row of one modality, including its numbers, as a fusion does. */
    static SampledRow of(StoredRow row, RowDecoder decoder, int tokenSize) {
        DecodedRow decoded = decoder.decode(row);
        if (decoded instanceof BadRow bad) {
            return of(bad);
        }
        Sequences sequences = (Sequences) decoded;
        FeatureSequence sequence = sequences.byModality().get(0);
        int tokens = sequence.tokens();
        CheckedCopy values = new CheckedCopy(FloatBuffer.allocate(Math.multiplyExact(tokens, tokenSize)));
        sequence.copyTo(values, 0, tokens);
        return values.isFinite()
                ? new SampledRow(tokens, sequence.position(tokens - 1) + 1, null, null)
                : of(decoder.notFinite(row, sequences));
    }

    private static SampledRow of(BadRow bad) {
        return new SampledRow(0, 0, bad.reason(), bad.message());
    }

    /** The same row; with no tokens if it was rejected because its features are null. */
    SampledRow nullAsNoTokens() {
        return rejected == Reason.NULL_SEQUENCE ? new SampledRow(0, 0, null, null) : this;
    }

    /** The text that {@link #parse} reads. */
    String text() {
        return tokens + " " + positions + (rejected == null ? "" : " " + rejected + " " + message);
    }

    static SampledRow parse(String text) {
        String[] parts = text.split(" ", 4);
        boolean fits = parts.length == 2;
        return new SampledRow(
                Integer.parseInt(parts[0]),
                Integer.parseInt(parts[1]),
                fits ? null : Reason.valueOf(parts[2]),
                fits ? null : parts[3]);
    }
}
