package dev.braid.plan;

import dev.braid.batch.Batch;
import dev.braid.batch.CheckedCopy;
import dev.braid.batch.FeatureSequence;
import dev.braid.batch.NoTokens;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.failure.SparkFailure;
import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import dev.braid.model.Readout;
import dev.braid.spark.FusedSchema;
import dev.braid.spark.FusionConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How fast this machine packs and fuses rows that are as long as those of a sample. The features are random numbers: the time
 * does not depend on their values.
 *
 * @param tokens per second and task slot, while {@code slots} of them work
 * @param slots that worked at once
 * @param threads of each slot
 * @param processor its name
 */
public record EncoderRate(double tokens, int slots, int threads, String processor) {
    private static final Pattern NAME = Pattern.compile("(?m)^model name\\s*: (.*)$");

    /** Tokens per batch: enough to reach full speed. */
    private static final int BUDGET = 4096;

    private static final double WARM_SECONDS = 1;
    private static final double SECONDS = 3;

    /**
     * Measures for about four seconds.
     *
     * @param sample by modality, the tokens of sampled rows; at least one
     * @param slots that work at once
     * @param threads of each slot
     */
    public static EncoderRate measure(
            Checkpoint checkpoint, FusionConfig config, Map<String, List<Integer>> sample, int slots, int threads) {
        Set<Readout> readouts = FusedSchema.readouts(config, checkpoint.config());
        List<List<FeatureSequence>> rows = rows(checkpoint.config(), sample);
        int longest = rows.stream().mapToInt(EncoderRate::tokens).max().orElseThrow()
                + checkpoint.config().learnedTokens();
        int budget = Math.min(config.maxTokens(), Math.max(BUDGET, longest));
        int lanes = slots * threads; // A batch is fused on one thread.
        ExecutorService pool = Executors.newFixedThreadPool(lanes);
        try (FusionModel model = FusionModel.load(checkpoint, config.precision())) {
            CountDownLatch warm = new CountDownLatch(lanes);
            List<Future<Double>> rates = new ArrayList<>();
            for (int lane = 0; lane < lanes; lane++) {
                rates.add(pool.submit(() -> {
                    try (FusionWorkspace workspace = model.workspace(budget, readouts)) {
                        return rate(model, workspace, rows, warm);
                    } finally {
                        warm.countDown();
                    }
                }));
            }
            double sum = 0;
            for (Future<Double> rate : rates) {
                sum += rate.get();
            }
            return new EncoderRate(sum / slots, slots, threads, processorName());
        } catch (ExecutionException failed) {
            throw SparkFailure.translate(failed.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        } finally {
            pool.shutdownNow();
        }
    }

    /** Tokens per second of one thread. Measuring starts when all threads have warmed up. */
    private static double rate(
            FusionModel model, FusionWorkspace workspace, List<List<FeatureSequence>> rows, CountDownLatch warm)
            throws InterruptedException {
        fuse(model, workspace, rows, WARM_SECONDS);
        warm.countDown();
        warm.await();
        return fuse(model, workspace, rows, SECONDS);
    }

    /** Fuses the rows over and over for this many seconds; returns tokens per second. */
    private static double fuse(
            FusionModel model, FusionWorkspace workspace, List<List<FeatureSequence>> rows, double seconds) {
        Batch batch = workspace.batch();
        long start = System.nanoTime();
        long tokens = 0;
        double elapsed = 0;
        for (int row = 0; elapsed < seconds; ) {
            batch.clear();
            while (batch.fits(tokens(rows.get(row)))) {
                batch.add(rows.get(row));
                row = (row + 1) % rows.size();
            }
            model.fuse(workspace);
            tokens += batch.tokens();
            elapsed = (System.nanoTime() - start) / 1e9;
        }
        return tokens / elapsed;
    }

    /** As many rows as the modality with the most samples has. The lengths of the other modalities are repeated. */
    private static List<List<FeatureSequence>> rows(ModelConfig model, Map<String, List<Integer>> sample) {
        int count = sample.values().stream().mapToInt(List::size).max().orElse(0);
        List<List<FeatureSequence>> rows = new ArrayList<>();
        for (int row = 0; row < count; row++) {
            List<FeatureSequence> sequences = new ArrayList<>();
            for (ModalityConfig modality : model.modalities()) {
                List<Integer> lengths = sample.getOrDefault(modality.name(), List.of());
                sequences.add(
                        lengths.isEmpty()
                                ? NoTokens.INSTANCE
                                : new RandomSequence(lengths.get(row % lengths.size()), modality));
            }
            rows.add(sequences);
        }
        return rows;
    }

    private static int tokens(List<FeatureSequence> row) {
        return row.stream().mapToInt(FeatureSequence::tokens).sum();
    }

    private static String processorName() {
        try {
            Matcher name = NAME.matcher(Files.readString(Path.of("/proc/cpuinfo")));
            return name.find() ? name.group(1).strip() : System.getProperty("os.arch");
        } catch (IOException unreadable) {
            return System.getProperty("os.arch");
        }
    }

    /** A sequence of random features, the same for every sequence, or of ids that count through the vocabulary. */
    private record RandomSequence(int tokens, ModalityConfig modality) implements FeatureSequence {
        private static final float[] NUMBERS = new float[1 << 12];

        static {
            Random random = new Random(7);
            for (int i = 0; i < NUMBERS.length; i++) {
                NUMBERS[i] = (float) random.nextGaussian();
            }
        }

        /**
         * Takes up no positions of the row. Every sequence begins at the row's first position, so that long rows do not need
         * more positions than the model has.
         */
        @Override
        public int positions() {
            return 0;
        }

        @Override
        public void copyTo(CheckedCopy out, int first, int count) {
            int width = modality.tokenSize();
            out.put(modality.tokenIds() ? this::ids : RandomSequence::numbers, first * width, count * width);
        }

        private static void numbers(int from, int length, float[] piece) {
            System.arraycopy(NUMBERS, from % (NUMBERS.length / 2), piece, 0, length);
        }

        private void ids(int from, int length, float[] piece) {
            for (int i = 0; i < length; i++) {
                piece[i] = (from + i) % modality.vocabularySize();
            }
        }
    }
}
