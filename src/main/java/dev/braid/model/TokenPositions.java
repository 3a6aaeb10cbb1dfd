package dev.braid.model;

import dev.braid.batch.PackedTokens;
import dev.braid.kernel.Matrix;

/**
 * Adds to every token of a stream, learned ones too, the row of a table, [positions, D], for its position in its row.
 */
record TokenPositions(int stream, Matrix table) implements Step {

    @Override
    public void forward(FusionWorkspace workspace, boolean pooledOnly) {
        TokenStream tokens = workspace.stream(stream);
        PackedTokens packed = tokens.packed();
        for (Block block : tokens.blocks()) {
            workspace
                    .kernels()
                    .addRows(tokens.hidden(block), table, i -> packed.position(block.first() + i), block.tokens());
        }
    }
}
