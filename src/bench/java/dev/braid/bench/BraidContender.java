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
 * Braid itself. Its rivals' inputs lie padded before the time measured begins; its own rows are decoded, checked and
 * packed inside it, as packing and projecting are one.
 */
final class BraidContender implements Contender {
    private final KernelLibrary library;
    private final FusionModel model;

    BraidContender(Checkpoint checkpoint, KernelLibrary library) {
        this.library = library;
        this.model = FusionModel.load(checkpoint, library);
    }

    @Override
    public String name() {
        return "Braid on " + library.name();
    }

    @Override
    public Fusing load(RowBatch rows) {
        FusionWorkspace workspace = model.workspace(rows.tokens());
        List<List<FeatureSequence>> sequences =
                IntStream.range(0, rows.rows()).mapToObj(rows::sequences).toList();
        return new Fusing() {
            @Override
            public void run() {
                workspace.batch().clear();
                sequences.forEach(workspace.batch()::add);
                model.fuse(workspace);
            }

            @Override
            public float[] tokens() {
                run();
                FloatBuffer tokens =
                        FloatBuffer.allocate(rows.tokens() * model.config().hiddenSize());
                for (int row = 0; row < rows.rows(); row++) {
                    for (float[] token : workspace.tokens(row)) {
                        tokens.put(token);
                    }
                }
                return tokens.array();
            }

            @Override
            public void close() {
                workspace.close();
            }
        };
    }

    @Override
    public void close() {
        model.close();
    }
}
