package dev.braid.model;

import dev.braid.batch.Batch;
import dev.braid.batch.FeatureBlock;
import dev.braid.checkpoint.BoxFusion;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModalityWeights;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.PositionEmbeddings;
import dev.braid.checkpoint.ProjectionWeights;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.Norm;
import dev.braid.kernel.PackedLinear;
import java.nio.FloatBuffer;
import java.util.List;

/**
 * Turns one modality's features or token ids into tokens of the encoder, as {@link ModalityWeights} says: a Linear to
 * the hidden size, plus boxes and embeddings, then a norm. Then copies each token to its place in the packed order,
 * which concatenates the modalities. Every part may be absent; without any, the features are copied unchanged.
 */
final class Projector {
    private final int modality;
    /** Index of the stream that its tokens are in. */
    private final int stream;
    /** The word embeddings, [V, K]; null if features are read. */
    private final Matrix words;
    /**
     * Null if features enter unprojected. If it has no norm of its own, its bias includes the embeddings that all
     * tokens of the modality share.
     */
    private final Projection projection;
    /** The projection of boxes, or null. */
    private final Projection boxes;
    /** What is added to the tokens: [positions, D], or [1, D] for all positions, or null. */
    private final Matrix embeddings;
    /** The last norm, or null. Its shift includes the embeddings that are added after it. */
    private final Norm norm;

    /**
     * A Linear and the norm of its outputs.
     *
     * @param norm the norm, or null
     */
    private record Projection(PackedLinear linear, Norm norm) {
        long multiplyAdds() {
            return (long) linear.inputs() * linear.outputs();
        }
    }

    private Projector(
            int modality,
            int stream,
            Matrix words,
            Projection projection,
            Projection boxes,
            Matrix embeddings,
            Norm norm) {
        this.modality = modality;
        this.stream = stream;
        this.words = words;
        this.projection = projection;
        this.boxes = boxes;
        this.embeddings = embeddings;
        this.norm = norm;
    }

    static Projector load(int modality, ModelConfig config, int stream, ModalityWeights weights, WeightPacker packer) {
        return new Loading(config, config.modalities().get(modality), weights, packer).load(modality, stream);
    }

    private record Loading(ModelConfig config, ModalityConfig modality, ModalityWeights weights, WeightPacker packer) {

        Projector load(int index, int stream) {
            return new Projector(
                    index,
                    stream,
                    modality.tokenIds() ? packer.table(weights.words(), modality.vocabularySize()) : null,
                    weights.projection() == null ? null : projection(weights.projection(), folds()),
                    weights.boxes() == null ? null : projection(weights.boxes(), false),
                    embeddings(config.streams().get(stream).hiddenSize()),
                    weights.norm() == null
                            ? null
                            : packer.norm(weights.norm(), config.norm(), weights.rowsAfterNorm()));
        }

        /** Whether the projection's bias includes the embeddings that all tokens share. */
        private boolean folds() {
            return weights.projection() != null && weights.projection().norm() == null;
        }

        /** To average two projections, each is halved here, which is exact, and {@code addBoxes} adds them. */
        private Projection projection(ProjectionWeights stored, boolean folds) {
            float factor = modality.boxes() != null && modality.boxes().fusion() == BoxFusion.MEAN ? 0.5f : 1f;
            return stored.norm() == null
                    ? new Projection(packer.linear(stored.linear(), factor, folds ? weights.rows() : List.of()), null)
                    : new Projection(packer.linear(stored.linear()), packer.norm(stored.norm(), config.norm(), factor));
        }

        private Matrix embeddings(int hiddenSize) {
            Matrix embeddings = null;
            if (weights.positions() != null) {
                embeddings = packer.table(
                        weights.positions(),
                        Math.toIntExact(weights.positions().shape().dimension(0)));
            } else if (config.positions().embeddings() == PositionEmbeddings.SINUSOIDAL) {
                embeddings = packer.sinusoids(config.positions().maxPositions(), hiddenSize);
            } else if (!folds() && !weights.rows().isEmpty()) {
                embeddings = packer.zeros(hiddenSize);
            }
            if (embeddings != null && !folds()) {
                packer.addToEveryRow(embeddings, weights.rows());
            }
            return embeddings;
        }
    }

    /** Projects a block of the workspace's features and copies its tokens to their places among the hidden tokens. */
    void project(FeatureBlock block, FusionWorkspace workspace) {
        Matrix features = workspace.buffers().features(modality).rows(0, (int) Block.roundUp(block.tokens()));
        Matrix tokens = tokens(features, workspace, block);
        workspace
                .kernels()
                .copyRows(workspace.stream(stream).hidden(), block::packed, tokens, token -> token, block.tokens());
    }

    private Matrix tokens(Matrix features, FusionWorkspace workspace, FeatureBlock block) {
        if (words == null && projection == null && embeddings == null && norm == null) {
            return features;
        }
        Kernels kernels = workspace.kernels();
        Matrix tokens = workspace.stream(stream).projected().rows(0, features.rows());
        if (words != null) {
            embed(tokens, features, workspace, block.tokens());
        } else if (projection == null) {
            kernels.copyRows(tokens, token -> token, features, token -> token, block.tokens());
        } else {
            project(tokens, projectedColumns(features), projection, kernels);
        }
        if (boxes != null) {
            addBoxes(tokens, features, workspace);
        }
        if (embeddings != null) {
            boolean one = embeddings.rows() == 1;
            kernels.addRows(tokens, embeddings, token -> one ? 0 : block.position(token), block.tokens());
        }
        if (norm != null) {
            kernels.norm(tokens, tokens, norm);
        }
        return tokens;
    }

    /** Word embeddings of a block of ids, projected if there is a projection. */
    private void embed(Matrix tokens, Matrix features, FusionWorkspace workspace, int count) {
        Matrix embedded = projection == null
                ? tokens
                : workspace.buffers().words(modality).rows(0, tokens.rows());
        FloatBuffer ids = features.buffer();
        workspace.kernels().copyRows(embedded, token -> token, words, token -> (int) ids.get(token), count);
        if (projection != null) {
            project(tokens, embedded, projection, workspace.kernels());
        }
    }

    /** The columns that the projection reads: all, except for boxes that have a projection of their own. */
    private Matrix projectedColumns(Matrix features) {
        return boxes == null
                ? features
                : features.columns(0, projection.linear().inputs());
    }

    private void addBoxes(Matrix tokens, Matrix features, FusionWorkspace workspace) {
        int size = boxes.linear().inputs();
        Matrix ofBlock = features.columns(features.columns() - size, size);
        if (boxes.norm() == null) {
            workspace.kernels().linearAdd(tokens, ofBlock, boxes.linear());
            return;
        }
        Matrix projected = workspace.stream(stream).boxes().rows(0, tokens.rows());
        project(projected, ofBlock, boxes, workspace.kernels());
        workspace.kernels().add(tokens, projected);
    }

    private static void project(Matrix out, Matrix in, Projection projection, Kernels kernels) {
        kernels.linear(out, in, projection.linear());
        if (projection.norm() != null) {
            kernels.norm(out, out, projection.norm());
        }
    }

    /** The number of weights in all word embeddings that a model reads. */
    static long wordParameters(ModelConfig config) {
        return config.modalities().stream()
                .filter(ModalityConfig::tokenIds)
                .mapToLong(modality -> (long) modality.vocabularySize() * modality.featureSize())
                .sum();
    }

    long multiplyAdds(Batch batch) {
        int projected = batch.modalityTokens(modality) - batch.repeatedTokens(modality);
        return projected
                * ((projection == null ? 0 : projection.multiplyAdds()) + (boxes == null ? 0 : boxes.multiplyAdds()));
    }
}
