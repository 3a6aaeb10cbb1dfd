package dev.braid.task;

import dev.braid.batch.Batch;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.decode.Reason;
import dev.braid.decode.UnfitValueException;
import dev.braid.model.FusionWorkspace;
import java.util.List;

/** One row of a fused batch, as the output columns read it. The object moves from row to row and reuses its arrays. */
final class FusedRow {
    private final FusionWorkspace workspace;
    private final Batch batch;
    private final float[] pooled;
    private final float[] token;
    private final List<ModelConfig.Group> groups;
    private final List<ModelConfig.Group> fusedGroups;
    /**
     * The learned tokens that the model reads per row. 0 for a model of one vector per modality, whose only learned token is
     * the fused vector.
     */
    private final int learned;

    private final int[] lengths;
    private final int[] fusedLengths;
    private byte[] bytes = new byte[0];
    private int row;
    private boolean isPooled;

    FusedRow(FusionWorkspace workspace, ModelConfig config) {
        this.workspace = workspace;
        this.batch = workspace.batch();
        this.pooled = new float[config.hiddenSize()];
        this.token = new float[config.hiddenSize()];
        this.groups = config.groups();
        this.fusedGroups = config.outputGroups();
        this.learned = config.takesVectors() ? 0 : config.learnedTokens();
        this.lengths = new int[groups.size()];
        this.fusedLengths = new int[fusedGroups.size()];
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

    /** The number of fused tokens. */
    int fusedTokens() {
        return workspace.tokenCount(row);
    }

    /** The number of tokens of the row that the model reads, learned ones included. */
    int tokens() {
        int tokens = learned;
        for (ModelConfig.Group group : groups) {
            tokens += group.isLearned() ? 0 : batch.tokens(row, group.modality());
        }
        return tokens;
    }

    /** One token's vector [D], valid until the next call. */
    float[] token(int index) {
        workspace.token(row, index, token);
        return token;
    }

    int hiddenSize() {
        return token.length;
    }

    /** The number of tokens that the model reads, by group. */
    int[] lengths() {
        return lengths(groups, lengths);
    }

    /** The number of fused tokens, by group in token order. */
    int[] fusedLengths() {
        return lengths(fusedGroups, fusedLengths);
    }

    private int[] lengths(List<ModelConfig.Group> ofGroups, int[] out) {
        for (int g = 0; g < out.length; g++) {
            ModelConfig.Group group = ofGroups.get(g);
            out[g] = group.isLearned() ? group.learned() : batch.tokens(row, group.modality());
        }
        return out;
    }

    float[] attention() {
        return workspace.attention(row);
    }

    float[][] attentionByLayer() {
        return workspace.attentionByLayer(row);
    }

    /** A reused buffer of at least {@code length} bytes, for an encoded vector. */
    byte[] bytes(int length) {
        if (bytes.length < length) {
            bytes = new byte[length];
        }
        return bytes;
    }

    /** Returns {@code vector}, or throws if the column cannot store one of its numbers. */
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
