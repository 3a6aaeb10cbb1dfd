package dev.braid.bench;

import dev.braid.batch.FeatureSequence;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.kernel.KernelLibrary;
import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Braid itself: rows are decoded, checked and packed under the token budget that {@code conf/braid.properties} has, and
 * fused, all of it inside the time measured.
 */
final class BraidContender implements Contender {
    private static final int MAX_TOKENS = 4096;

    private final KernelLibrary library;
    private final FusionModel model;
    private final FusionWorkspace workspace;

    BraidContender(Checkpoint checkpoint, KernelLibrary library) {
        this.library = library;
        this.model = FusionModel.load(checkpoint, library);
        this.workspace = model.workspace(MAX_TOKENS);
    }

    @Override
    public String name() {
        return "Braid on " + library.name();
    }

    @Override
    public Fusing load(RowBatch rows) {
        List<List<FeatureSequence>> sequences =
                IntStream.range(0, rows.rows()).mapToObj(rows::sequences).toList();
        int hiddenSize = model.config().hiddenSize();
        return new Fusing() {
            @Override
            public void run() {
                fuse(sequences, () -> {});
            }

            @Override
            public float[] tokens() {
                FloatBuffer tokens = FloatBuffer.allocate(rows.tokens() * hiddenSize);
                fuse(sequences, () -> {
                    for (int row = 0; row < workspace.batch().rows(); row++) {
                        for (float[] token : workspace.tokens(row)) {
                            tokens.put(token);
                        }
                    }
                });
                return tokens.array();
            }

            @Override
            public void close() {}
        };
    }

    private void fuse(List<List<FeatureSequence>> rows, Runnable fused) {
        var batch = workspace.batch();
        batch.clear();
        for (List<FeatureSequence> row : rows) {
            if (!batch.fits(row.stream().mapToInt(FeatureSequence::tokens).sum())) {
                model.fuse(workspace);
                fused.run();
                batch.clear();
            }
            batch.add(row);
        }
        model.fuse(workspace);
        fused.run();
    }

    @Override
    public void close() {
        workspace.close();
        model.close();
    }
}
