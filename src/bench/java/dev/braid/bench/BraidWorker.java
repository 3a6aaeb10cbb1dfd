package dev.braid.bench;

import dev.braid.InputException;
import dev.braid.batch.BinarySequence;
import dev.braid.batch.Bytes;
import dev.braid.batch.ElementType;
import dev.braid.batch.FeatureSequence;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import dev.braid.tensor.Precision;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Braid's encoder, used as a task uses it: rows are decoded, checked and packed inside the time, up to the default number of
 * tokens per batch, and pooled. Each slot is a thread that fuses all rows; the slots share the weights, as in an executor.
 */
final class BraidWorker {
    /** {@code max-tokens} in {@code conf/braid.properties}. */
    private static final int MAX_TOKENS = 4096;

    private BraidWorker() {}

    /** Takes the model's directory, the rows' directory, a precision and a number of slots. */
    public static void main(String[] args) throws Exception {
        Checkpoint checkpoint = Checkpoint.read(args[0]).withPooling(Pooling.MEAN);
        FusionModel model;
        try {
            model = FusionModel.load(checkpoint, Precision.parse(args[2]).orElseThrow());
        } catch (InputException refused) {
            System.out.println("refused " + refused.getMessage());
            return;
        }
        List<List<FeatureSequence>> rows = read(Path.of(args[1]), model.config().modalities());
        List<Slot> slots = IntStream.range(0, Integer.parseInt(args[3]))
                .mapToObj(slot -> new Slot(model, rows))
                .toList();
        Worker.serve(() -> {
            List<Thread> threads = slots.stream().map(Thread::new).toList();
            threads.forEach(Thread::start);
            for (Thread thread : threads) {
                thread.join();
            }
            return slots.get(0).vectors;
        });
    }

    /** The rows in {@code DIRECTORY/MODALITY.lengths} (int32, tokens per row) and {@code DIRECTORY/MODALITY.float32}. */
    private static List<List<FeatureSequence>> read(Path directory, List<ModalityConfig> modalities)
            throws IOException {
        List<List<FeatureSequence>> rows = new ArrayList<>();
        for (ModalityConfig modality : modalities) {
            IntBuffer lengths = ByteBuffer.wrap(Files.readAllBytes(directory.resolve(modality.name() + ".lengths")))
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .asIntBuffer();
            byte[] numbers = Files.readAllBytes(directory.resolve(modality.name() + ".float32"));
            int position = 0;
            for (int row = 0; row < lengths.limit(); row++) {
                if (row == rows.size()) {
                    rows.add(new ArrayList<>());
                }
                int end = position + lengths.get(row) * modality.tokenSize() * Float.BYTES;
                Bytes ofRow = Bytes.of(Arrays.copyOfRange(numbers, position, end));
                rows.get(row)
                        .add(new BinarySequence(ofRow, ElementType.FLOAT32, lengths.get(row), modality.tokenSize()));
                position = end;
            }
        }
        return rows;
    }

    /** One task slot: a workspace, and the pooled vector of every row. */
    private static final class Slot implements Runnable {
        private final FusionModel model;
        private final List<List<FeatureSequence>> rows;
        private final FusionWorkspace workspace;
        final float[][] vectors;
        private int fused;

        Slot(FusionModel model, List<List<FeatureSequence>> rows) {
            this.model = model;
            this.rows = rows;
            this.vectors = new float[rows.size()][model.config().hiddenSize()];
            this.workspace = model.workspace(MAX_TOKENS, Set.of());
        }

        @Override
        public void run() {
            fused = 0;
            for (List<FeatureSequence> row : rows) {
                int tokens = row.stream().mapToInt(FeatureSequence::tokens).sum();
                if (!workspace.batch().fits(tokens)) {
                    fuseBatch();
                }
                workspace.batch().add(row);
            }
            fuseBatch();
        }

        private void fuseBatch() {
            model.fuse(workspace);
            for (int row = 0; row < workspace.batch().rows(); row++) {
                workspace.pooled(row, vectors[fused++]);
            }
            workspace.batch().clear();
        }
    }
}
