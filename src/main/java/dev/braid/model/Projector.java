package dev.braid.model;

import dev.braid.batch.Batch;
import dev.braid.batch.FeatureBlock;
import dev.braid.checkpoint.ModalityWeights;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.PositionEmbeddings;
import dev.braid.kernel.Activation;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.Norm;
import dev.braid.kernel.PackedLinear;

/**
 * Makes tokens of the encoder out of one modality's features, as {@link ModalityWeights} says: a Linear to the hidden size,
 * embeddings added, normalised; and the concatenation: each row's tokens go to their place in the packed order. Every part
 * may be absent; a modality without any is only placed.
 */
final class Projector {
    private final int modality;
    /** Index of the stream that its tokens are in. */
    private final int stream;
    /** Or null; the bias holds what all tokens of the modality share. */
    private final PackedLinear linear;
    /** [positions, D], or [1, D] for all positions, or null: added to the tokens. */
    private final Matrix embeddings;
    /** Or null; the shift holds what is added behind it. */
    private final Norm norm;

    private Projector(int modality, int stream, PackedLinear linear, Matrix embeddings, Norm norm) {
        this.modality = modality;
        this.stream = stream;
        this.linear = linear;
        this.embeddings = embeddings;
        this.norm = norm;
    }

    static Projector load(int modality, ModelConfig config, int stream, ModalityWeights weights, WeightPacker packer) {
        int hiddenSize = config.streams().get(stream).hiddenSize();
        boolean folded = weights.projection() != null;
        PackedLinear linear = folded ? packer.linear(weights.projection(), weights.rows()) : null;
        Matrix embeddings = null;
        if (weights.positions() != null) {
            embeddings = packer.table(
                    weights.positions(),
                    Math.toIntExact(weights.positions().shape().dimension(0)));
        } else if (config.positions().embeddings() == PositionEmbeddings.SINUSOIDAL) {
            embeddings = packer.sinusoids(config.positions().maxPositions(), hiddenSize);
        } else if (!folded && !weights.rows().isEmpty()) {
            embeddings = packer.zeros(hiddenSize);
        }
        if (embeddings != null && !folded) {
            packer.addToEveryRow(embeddings, weights.rows());
        }
        Norm norm = weights.norm() == null ? null : packer.norm(weights.norm(), config.norm(), weights.rowsAfterNorm());
        return new Projector(modality, stream, linear, embeddings, norm);
    }

    /** Projects a block of the workspace's features and puts its tokens in their places among the hidden tokens. */
    void project(FeatureBlock block, FusionWorkspace workspace) {
        Matrix features = workspace.features(modality).rows(0, (int) Block.roundUp(block.tokens()));
        Matrix tokens = tokens(features, workspace, block);
        workspace
                .kernels()
                .copyRows(workspace.stream(stream).hidden(), block::packed, tokens, token -> token, block.tokens());
    }

    private Matrix tokens(Matrix features, FusionWorkspace workspace, FeatureBlock block) {
        if (linear == null && embeddings == null && norm == null) {
            return features;
        }
        Matrix tokens = workspace.stream(stream).projected().rows(0, features.rows());
        if (linear == null) {
            workspace.kernels().copyRows(tokens, token -> token, features, token -> token, block.tokens());
        } else {
            workspace.kernels().linear(tokens, features, linear, Activation.NONE);
        }
        if (embeddings != null) {
            boolean one = embeddings.rows() == 1;
            workspace.kernels().addRows(tokens, embeddings, token -> one ? 0 : block.position(token), block.tokens());
        }
        if (norm != null) {
            workspace.kernels().norm(tokens, tokens, norm);
        }
        return tokens;
    }

    long multiplyAdds(Batch batch) {
        int projected = batch.modalityTokens(modality) - batch.repeatedTokens(modality);
        return linear == null ? 0 : (long) projected * linear.inputs() * linear.outputs();
    }
}
