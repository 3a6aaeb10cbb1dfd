package dev.braid.decode;

import dev.braid.batch.FeatureSequence;
import java.util.List;

/** The result of decoding one paired row: its sequences, or why it cannot be fused. */
public sealed interface DecodedRow permits DecodedRow.Sequences, BadRow {

    /**
     * The row's features.
     *
     * @param byModality one sequence per modality, in the model's order
     * @param truncated whether a sequence was cut to the number of positions that the model has
     */
    record Sequences(List<FeatureSequence> byModality, boolean truncated) implements DecodedRow {

        /** The total number of tokens. It fits an int because a row longer than the token budget is a bad row. */
        public int tokens() {
            int sum = 0;
            for (FeatureSequence sequence : byModality) {
                sum += sequence.tokens();
            }
            return sum;
        }
    }
}
