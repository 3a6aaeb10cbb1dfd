package dev.braid.model;

import dev.braid.batch.Batch;
import dev.braid.batch.FeatureBlock;
import dev.braid.checkpoint.ModalityWeights;
import dev.braid.kernel.Activation;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.Norm;
import dev.braid.kernel.PackedLinear;
import java.nio.FloatBuffer;

/**
 * Makes tokens of the encoder out of one modality's features, as {@link ModalityWeights} says: a Linear to the hidden size,
 * embeddings added, normalised; and the concatenation: each row's tokens go to their place in the packed order. Every part
 * may be absent; a modality without any is only placed.
 */
final class Projector {
    private final int modality;
    /** Or null; the bias holds what all tokens of the modality share. */
    private final PackedLinear linear;
    /** [positions, D], or [1, D] for all positions, or null: added to the tokens. */
    private final Matrix embeddings;
    /** Or null; the shift holds what is added behind it. */
    private final Norm norm;

    private Projector(int modality, PackedLinear linear, Matrix embeddings, Norm norm) {
        this.modality = modality;
        this.linear = linear;
        this.embeddings = embeddings;
        this.norm = norm;
    }

    static Projector load(int modality, ModalityWeights weights, WeightPacker packer) {
        boolean folded = weights.projection() != null;
        PackedLinear linear = folded ? packer.linear(weights.projection(), weights.rows()) : null;
        Matrix embeddings = null;
        if (weights.positions() != null) {
            embeddings = packer.table(weights.positions());
        } else if (!folded && !weights.rows().isEmpty()) {
            embeddings = packer.row(null);
        }
        if (embeddings != null && !folded) {
            packer.addToEveryRow(embeddings, weights.rows());
        }
        Norm norm = weights.norm() == null ? null : packer.norm(weights.norm(), weights.rowsAfterNorm());
        return new Projector(modality, linear, embeddings, norm);
    }

    /** Projects a block of the workspace's features and puts its tokens in their places among the hidden tokens. */
    void project(FeatureBlock block, FusionWorkspace workspace) {
        Matrix features = workspace.features(modality).rows(0, (int) Block.roundUp(block.tokens()));
        place(workspace.hidden(), tokens(features, workspace, block), block);
    }

    private Matrix tokens(Matrix features, FusionWorkspace workspace, FeatureBlock block) {
        if (linear == null && embeddings == null && norm == null) {
            return features;
        }
        Matrix tokens = workspace.projected().rows(0, features.rows());
        if (linear == null) {
            tokens.buffer().put(features.buffer());
        } else {
            workspace.kernels().linear(tokens, features, linear, Activation.NONE);
        }
        if (embeddings != null) {
            addEmbeddings(tokens, block);
        }
        if (norm != null) {
            workspace.kernels().layerNorm(tokens, tokens, norm);
        }
        return tokens;
    }

    private void addEmbeddings(Matrix tokens, FeatureBlock block) {
        int size = tokens.columns();
        FloatBuffer sums = tokens.buffer();
        FloatBuffer table = embeddings.buffer();
        for (int token = 0; token < block.tokens(); token++) {
            int to = token * size;
            int from = embeddings.rows() == 1 ? 0 : block.position(token) * size;
            for (int column = 0; column < size; column++) {
                sums.put(to + column, sums.get(to + column) + table.get(from + column));
            }
        }
    }

    private static void place(Matrix hidden, Matrix tokens, FeatureBlock block) {
        FloatBuffer target = hidden.buffer();
        FloatBuffer source = tokens.buffer();
        int size = hidden.columns();
        for (int token = 0; token < block.tokens(); token++) {
            target.put(block.packed(token) * size, source, token * size, size);
        }
    }

    long multiplyAdds(Batch batch) {
        return linear == null ? 0 : (long) batch.modalityTokens(modality) * linear.inputs() * linear.outputs();
    }
}
