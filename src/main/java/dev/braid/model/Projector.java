package dev.braid.model;

import dev.braid.batch.Batch;
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
final class Projector implements AutoCloseable {
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

    void project(FusionWorkspace workspace) {
        Matrix features = workspace.features(modality);
        Placement placement = new Placement(workspace.batch(), modality);
        for (Block block : Block.split(workspace.batch().modalityTokens(modality))) {
            Matrix in = features.rows(block.first(), block.height());
            placement.place(workspace.hidden(), tokens(in, workspace, block), block.tokens());
        }
    }

    private Matrix tokens(Matrix features, FusionWorkspace workspace, Block block) {
        if (linear == null && embeddings == null && norm == null) {
            return features;
        }
        Matrix tokens = workspace.projected().rows(0, block.height());
        if (linear == null) {
            tokens.buffer().put(features.buffer());
        } else {
            workspace.kernels().linear(tokens, features, linear, Activation.NONE);
        }
        if (embeddings != null) {
            addEmbeddings(tokens, workspace.batch(), block);
        }
        if (norm != null) {
            workspace.kernels().layerNorm(tokens, tokens, norm);
        }
        return tokens;
    }

    private void addEmbeddings(Matrix tokens, Batch batch, Block block) {
        int size = tokens.columns();
        FloatBuffer sums = tokens.buffer();
        FloatBuffer table = embeddings.buffer();
        for (int token = 0; token < block.tokens(); token++) {
            int to = token * size;
            int from = embeddings.rows() == 1 ? 0 : batch.position(modality, block.first() + token) * size;
            for (int column = 0; column < size; column++) {
                sums.put(to + column, sums.get(to + column) + table.get(from + column));
            }
        }
    }

    long multiplyAdds(Batch batch) {
        return linear == null ? 0 : (long) batch.modalityTokens(modality) * linear.inputs() * linear.outputs();
    }

    @Override
    public void close() {
        if (linear != null) {
            linear.close();
        }
        if (embeddings != null) {
            embeddings.close();
        }
        if (norm != null) {
            norm.close();
        }
    }

    /** Walks through the rows of a batch and puts the tokens of one modality where the packed order has them. */
    private static final class Placement {
        private final Batch batch;
        private final int modality;
        private int row;
        private int placedOfRow;

        Placement(Batch batch, int modality) {
            this.batch = batch;
            this.modality = modality;
        }

        /** Copies the next {@code tokens} tokens of the modality: the first rows of {@code from}. */
        void place(Matrix hidden, Matrix from, int tokens) {
            FloatBuffer target = hidden.buffer();
            FloatBuffer source = from.buffer();
            int size = hidden.columns();
            int taken = 0;
            while (taken < tokens) {
                int ofRow = batch.tokens(row, modality);
                int run = Math.min(ofRow - placedOfRow, tokens - taken);
                int position = batch.firstToken(row, modality) + placedOfRow;
                target.put(position * size, source, taken * size, run * size);
                taken += run;
                placedOfRow += run;
                if (placedOfRow == ofRow) {
                    row++;
                    placedOfRow = 0;
                }
            }
        }
    }
}
