package dev.braid.model;

import dev.braid.batch.Batch;
import dev.braid.batch.FeatureBlock;
import dev.braid.checkpoint.BoxFusion;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModalityWeights;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.PositionEmbeddings;
import dev.braid.checkpoint.ProjectionWeights;
import dev.braid.kernel.Activation;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.Norm;
import dev.braid.kernel.PackedLinear;
import java.nio.FloatBuffer;
import java.util.List;

/**
 * Makes tokens of the encoder out of one modality's features or token ids, as {@link ModalityWeights} says: a Linear to the
 * hidden size, boxes and embeddings added, normalised; and the concatenation: each row's tokens go to their place in the packed
 * order. Every part may be absent; a modality without any is only placed.
 */
final class Projector {
    private final int modality;
    /** Index of the stream that its tokens are in. */
    private final int stream;
    /** [V, K], or null where features are read. */
    private final Matrix words;
    /** Or null; if nothing normalises what it gives, its bias holds what all tokens of the modality share. */
    private final Projection projection;
    /** Or null. */
    private final Projection boxes;
    /** [positions, D], or [1, D] for all positions, or null: added to the tokens. */
    private final Matrix embeddings;
    /** Or null; the shift holds what is added behind it. */
    private final Norm norm;

    /**
     * A Linear and what normalises its outputs.
     *
     * @param norm or null
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

        /** Whether the bias of the projection holds what all tokens share. */
        private boolean folds() {
            return weights.projection() != null && weights.projection().norm() == null;
        }

        /** Two projections are averaged by halving each, which is exact. */
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

    /** Projects a block of the workspace's features and puts its tokens in their places among the hidden tokens. */
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

    /** All of a token's numbers but for its box, if that is projected by itself. */
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
        kernels.linear(out, in, projection.linear(), Activation.NONE);
        if (projection.norm() != null) {
            kernels.norm(out, out, projection.norm());
        }
    }

    /** Numbers of all tables of word embeddings that a model reads. */
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
