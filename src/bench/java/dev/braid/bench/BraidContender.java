package dev.braid.bench;

import dev.braid.batch.FeatureSequence;
import dev.braid.bench.report.Measurement;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.kernel.KernelLibrary;
import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * Braid itself, on the way that a task goes: rows are decoded, checked and packed under the default token budget inside the
 * time, where its rivals find their inputs padded.
 */
final class BraidContender implements Contender {
    /** As in {@code conf/braid.properties}. */
    private static final int MAX_TOKENS = 4096;

    private final String name;
    private final KernelLibrary library;
    private final FusionModel model;

    private BraidContender(String name, Checkpoint checkpoint, KernelLibrary library) {
        this.name = name;
        this.library = library;
        this.model = FusionModel.load(checkpoint, library);
    }

    /** In float32 on oneDNN. */
    static BraidContender onOneDnn(Checkpoint checkpoint) {
        return new BraidContender(Measurement.BRAID, checkpoint, KernelLibrary.oneDnn());
    }

    /** On the portable kernels. */
    static BraidContender onNd4j(Checkpoint checkpoint) {
        return new BraidContender(Measurement.BRAID_ON_ND4J, checkpoint, KernelLibrary.portable());
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public String variant() {
        return library.name();
    }

    @Override
    public boolean isShared() {
        return true;
    }

    @Override
    public Fusing load(RowBatch rows) {
        return new Packing(rows);
    }

    @Override
    public void close() {
        model.close();
    }

    private final class Packing implements Fusing {
        private final int tokens;
        private final List<List<FeatureSequence>> rows;
        private final FusionWorkspace workspace;

        Packing(RowBatch rows) {
            this.tokens = rows.tokens();
            this.rows =
                    IntStream.range(0, rows.rows()).mapToObj(rows::sequences).toList();
            this.workspace = model.workspace(Math.min(MAX_TOKENS, tokens));
        }

        @Override
        public void run() {
            fuse(row -> {});
        }

        private void fuse(IntConsumer read) {
            for (List<FeatureSequence> row : rows) {
                if (!workspace.batch().fits(tokens(row))) {
                    fuseBatch(read);
                }
                workspace.batch().add(row);
            }
            fuseBatch(read);
        }

        private void fuseBatch(IntConsumer read) {
            model.fuse(workspace);
            for (int row = 0; row < workspace.batch().rows(); row++) {
                read.accept(row);
            }
            workspace.batch().clear();
        }

        private static int tokens(List<FeatureSequence> row) {
            int tokens = 0;
            for (FeatureSequence sequence : row) {
                tokens += sequence.tokens();
            }
            return tokens;
        }

        @Override
        public float[] tokens() {
            FloatBuffer fused = FloatBuffer.allocate(tokens * model.config().hiddenSize());
            fuse(row -> {
                for (float[] token : workspace.tokens(row)) {
                    fused.put(token);
                }
            });
            return fused.array();
        }

        @Override
        public void close() {
            workspace.close();
        }
    }
}
