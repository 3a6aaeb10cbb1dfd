package dev.braid.model;

import dev.braid.InputException;
import dev.braid.batch.Batch;
import dev.braid.batch.CheckedCopy;
import dev.braid.batch.FeatureSequence;
import dev.braid.batch.KeptTokens;
import dev.braid.checkpoint.Golden;
import dev.braid.checkpoint.GoldenInput;
import dev.braid.checkpoint.GoldenOutput;
import dev.braid.checkpoint.StackConfig;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Runs a model over the rows of its golden file and compares every number. */
final class GoldenReplay {
    /** The token budget of a batch, unless a single row is longer. */
    private static final int MAX_TOKENS = 1024;

    private final FusionModel model;
    private final Golden golden;
    private final Map<Integer, Deviation> layers = new TreeMap<>();
    private Deviation largest = Deviation.NONE;
    private Cosine smallest = Cosine.NONE;
    private Batch batch;
    /** The index of the batch's first row in the file. */
    private int firstRow;

    /** For each stream, the number of tokens in earlier batches. */
    private final int[] firstTokens;

    private final List<StackConfig> layerStacks;

    private GoldenReplay(FusionModel model, Golden golden) {
        this.model = model;
        this.golden = golden;
        this.firstTokens = new int[model.config().streams().size()];
        this.layerStacks = model.config().layerStacks();
    }

    /**
     * Replays every row.
     *
     * @throws InputException if a row is too long for a buffer
     */
    static GoldenResult run(FusionModel model, Golden golden) {
        return new GoldenReplay(model, golden).run();
    }

    private GoldenResult run() {
        List<List<FeatureSequence>> rows = new ArrayList<>();
        int longest = 0;
        for (int row = 0; row < golden.rows(); row++) {
            List<FeatureSequence> sequences = sequences(row);
            rows.add(sequences);
            longest = Math.max(longest, model.config().learnedTokens() + tokens(sequences));
        }
        boolean attention = golden.attention() != null || golden.attentionByLayer() != null;
        int maxTokens = Math.max(longest, MAX_TOKENS);
        try {
            FusionModel.checkSizes(model.config(), maxTokens);
        } catch (InputException tooLong) {
            throw new InputException(
                    "Cannot replay " + Golden.FILE + ": expected rows that a buffer can hold, got one of " + longest
                            + " tokens; shorten its rows",
                    tooLong);
        }
        replay(rows, maxTokens, attention ? Set.of(Readout.values()) : Set.of(Readout.TOKENS));
        if (model.config().pooling().readsOneToken()) {
            // If only pooled vectors are read, the last layer computes less. Check this case too.
            replay(rows, maxTokens, Set.of());
        }
        return new GoldenResult(golden.rows(), golden.tokens(), largest, List.copyOf(layers.values()), smallest);
    }

    /** Replays all rows in a workspace for these readouts. */
    private void replay(List<List<FeatureSequence>> rows, int maxTokens, Set<Readout> readouts) {
        firstRow = 0;
        Arrays.fill(firstTokens, 0);
        try (FusionWorkspace workspace = model.workspace(maxTokens, readouts)) {
            batch = workspace.batch();
            for (List<FeatureSequence> row : rows) {
                if (!batch.fits(tokens(row))) {
                    compareBatch(workspace, readouts);
                }
                batch.add(row);
            }
            compareBatch(workspace, readouts);
        }
    }

    private static int tokens(List<FeatureSequence> row) {
        return row.stream().mapToInt(FeatureSequence::tokens).sum();
    }

    private List<FeatureSequence> sequences(int row) {
        List<FeatureSequence> sequences = new ArrayList<>();
        for (GoldenInput input : golden.inputs()) {
            int[] kept = input.kept(row);
            sequences.add(new KeptTokens(new GoldenSequence(input, row), kept, kept.length));
        }
        return sequences;
    }

    private void compareBatch(FusionWorkspace workspace, Set<Readout> readouts) {
        if (readouts.contains(Readout.TOKENS)) {
            fuseAndCompareTokens(workspace);
        } else {
            model.fuse(workspace);
        }
        for (int row = 0; row < batch.rows(); row++) {
            if (poolsAsTheFile()) {
                float[] pooled = workspace.pooled(row);
                compare(golden.pooled(), row, pooled);
                smallest = smallest.smaller(Cosine.of(golden.pooled(), firstRow + row, firstRow + row, -1, pooled));
            }
            if (golden.attention() != null && readouts.contains(Readout.ATTENTION)) {
                compare(golden.attention(), row, workspace.attention(row));
            }
            if (golden.attentionByLayer() != null && readouts.contains(Readout.ATTENTION)) {
                compare(golden.attentionByLayer(), row, flat(workspace.attentionByLayer(row)));
            }
        }
        firstRow += batch.rows();
        for (int stream = 0; stream < firstTokens.length; stream++) {
            firstTokens[stream] += workspace.stream(stream).packed().tokens();
        }
        batch.clear();
    }

    private boolean poolsAsTheFile() {
        return golden.pooled() != null && golden.pooling() == model.config().pooling();
    }

    private void fuseAndCompareTokens(FusionWorkspace workspace) {
        model.fuse(workspace, layer -> {
            GoldenOutput expected = golden.layers().get(layer);
            if (expected != null) {
                Deviation deviation = compareTokens(expected, List.of(layerStacks.get(layer).stream()), workspace);
                layers.merge(layer, deviation, Deviation::larger);
                largest = largest.larger(deviation);
            }
        });
        largest = largest.larger(compareTokens(golden.fused(), model.config().output(), workspace));
    }

    private void compare(GoldenOutput expected, int row, float[] got) {
        largest = largest.larger(Deviation.of(expected, firstRow + row, firstRow + row, -1, got));
    }

    /** Compares the tokens of some streams, which follow each other in every row. */
    private Deviation compareTokens(GoldenOutput expected, List<Integer> streams, FusionWorkspace workspace) {
        Deviation worst = Deviation.NONE;
        for (int row = 0; row < batch.rows(); row++) {
            int index = 0;
            for (int stream : streams) {
                index += firstTokens[stream] + workspace.stream(stream).packed().firstToken(row);
            }
            float[][] tokens = workspace.tokens(row, streams);
            for (int token = 0; token < tokens.length; token++) {
                worst = worst.larger(Deviation.of(expected, index + token, firstRow + row, token, tokens[token]));
                if (expected.equals(golden.fused()) && !poolsAsTheFile()) {
                    smallest =
                            smallest.smaller(Cosine.of(expected, index + token, firstRow + row, token, tokens[token]));
                }
            }
        }
        return worst;
    }

    private static float[] flat(float[][] rows) {
        FloatBuffer all = FloatBuffer.allocate(rows.length * rows[0].length);
        for (float[] row : rows) {
            all.put(row);
        }
        return all.array();
    }

    /** All stored tokens of one row of an input. */
    private record GoldenSequence(GoldenInput input, int row) implements FeatureSequence {
        @Override
        public int tokens() {
            return input.tokens(row);
        }

        @Override
        public void copyTo(CheckedCopy out, int first, int count) {
            float[] values = input.numbers(row, first, count);
            out.put(values, 0, values.length);
        }
    }
}
