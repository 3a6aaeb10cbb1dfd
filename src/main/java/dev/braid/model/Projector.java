package dev.braid.model;

import dev.braid.batch.Batch;
import dev.braid.checkpoint.LinearWeights;
import dev.braid.kernel.Activation;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.PackedLinear;
import java.nio.FloatBuffer;

/**
 * The Linear that brings one modality to the hidden size, and the concatenation: each row's projected tokens go to their
 * place in the packed order. A modality without projection weights is only placed.
 */
final class Projector implements AutoCloseable {
    private final int modality;
    private final PackedLinear linear;

    private Projector(int modality, PackedLinear linear) {
        this.modality = modality;
        this.linear = linear;
    }

    static Projector load(int modality, LinearWeights weights, WeightPacker packer) {
        return new Projector(modality, weights == null ? null : packer.linear(weights));
    }

    void project(FusionWorkspace workspace) {
        Matrix features = workspace.features(modality);
        Placement placement = new Placement(workspace.batch(), modality);
        int tokens = workspace.batch().modalityTokens(modality);
        for (Block block : Block.split(tokens)) {
            Matrix in = features.rows(block.first(), block.height());
            Matrix out = in;
            if (linear != null) {
                out = workspace.projected().rows(0, block.height());
                workspace.kernels().linear(out, in, linear, Activation.NONE);
            }
            placement.place(workspace.hidden(), out, block.tokens());
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
