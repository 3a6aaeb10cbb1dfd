package dev.braid.spark;

import dev.braid.batch.Batch;
import dev.braid.model.FusionWorkspace;
import java.util.Arrays;

/** One row of a fused batch, as its output columns read it: moved from row to row, its vectors in arrays that are reused. */
final class FusedRow {
    private final FusionWorkspace workspace;
    private final Batch batch;
    private final float[] pooled;
    private final float[] token;
    private final int[] lengths;
    private byte[] bytes = new byte[0];
    private int row;
    private boolean isPooled;

    FusedRow(FusionWorkspace workspace, int hiddenSize) {
        this.workspace = workspace;
        this.batch = workspace.batch();
        this.pooled = new float[hiddenSize];
        this.token = new float[hiddenSize];
        this.lengths = new int[batch.leadingTokens() + batch.modalities()];
    }

    void at(int index) {
        row = index;
        isPooled = false;
    }

    /** The pooled vector [D]. */
    float[] pooled() {
        if (!isPooled) {
            workspace.pooled(row, pooled);
            isPooled = true;
        }
        return pooled;
    }

    /** All tokens, in the model's order. */
    int tokens() {
        return batch.tokens(row);
    }

    /** One token's vector [D], valid until the next one is asked for. */
    float[] token(int index) {
        workspace.token(row, index, token);
        return token;
    }

    int hiddenSize() {
        return token.length;
    }

    /** Tokens of each modality in token order, the CLS token's 1 first. */
    int[] lengths() {
        int leading = batch.leadingTokens();
        Arrays.fill(lengths, 0, leading, 1);
        for (int m = 0; m < batch.modalities(); m++) {
            lengths[leading + m] = batch.tokens(row, m);
        }
        return lengths;
    }

    float[] attention() {
        return workspace.attention(row);
    }

    float[][] attentionByLayer() {
        return workspace.attentionByLayer(row);
    }

    /** At least so many bytes for an encoded vector; the same ones each time. */
    byte[] bytes(int length) {
        if (bytes.length < length) {
            bytes = new byte[length];
        }
        return bytes;
    }

    /** A vector that a column can hold. */
    static float[] fit(float[] vector, VectorForm form, String column, String where) throws UnfitValueException {
        int unfit = form.firstUnfit(vector);
        if (unfit >= 0) {
            throw new UnfitValueException(
                    Reason.NON_FINITE_RESULT,
                    column,
                    "would hold " + vector[unfit] + " at " + where + "element " + unfit + ", expected "
                            + form.expected() + "; the row's features are finite, but too large for the model");
        }
        return vector;
    }
}
