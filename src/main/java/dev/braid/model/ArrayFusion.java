package dev.braid.model;

import dev.braid.InputException;
import dev.braid.batch.Batch;
import dev.braid.batch.CheckedCopy;
import dev.braid.batch.FeatureSequence;
import dev.braid.batch.RowPositions;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.kernel.ArrayNumbers;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.nd4j.linalg.api.memory.MemoryWorkspace;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Fuses rows that are given as ND4J arrays, in a workspace sized for them. */
final class ArrayFusion {
    /** The token budget of a batch, unless a single row is longer. */
    private static final int MAX_TOKENS = 1024;

    private final FusionModel model;
    private final List<float[]> pooled = new ArrayList<>();
    private final List<INDArray> tokens = new ArrayList<>();

    private ArrayFusion(FusionModel model) {
        this.model = model;
    }

    /** See {@link FusionModel#fuse(List)}. */
    @SuppressWarnings("try") // the scope holds while it is open; nothing reads it
    static FusedArrays run(FusionModel model, List<Map<String, INDArray>> rows) {
        if (rows.isEmpty()) {
            throw new InputException("Cannot fuse arrays: expected one row or more, got none");
        }
        // The results must outlive any ND4J workspace that the caller has opened.
        try (MemoryWorkspace outside = Nd4j.getWorkspaceManager().scopeOutOfWorkspaces()) {
            List<List<FeatureSequence>> sequences = new ArrayList<>();
            for (int row = 0; row < rows.size(); row++) {
                sequences.add(sequences(model.config(), row, rows.get(row)));
            }
            return new ArrayFusion(model).run(sequences);
        }
    }

    private FusedArrays run(List<List<FeatureSequence>> rows) {
        int longest = rows.stream().mapToInt(ArrayFusion::tokens).max().getAsInt();
        int all = rows.stream()
                .mapToInt(row -> model.config().learnedTokens() + tokens(row))
                .sum();
        int maxTokens = Math.max(model.config().learnedTokens() + longest, Math.min(all, MAX_TOKENS));
        try (FusionWorkspace workspace = model.workspace(maxTokens)) {
            Batch batch = workspace.batch();
            for (int row = 0; row < rows.size(); row++) {
                if (!batch.fits(tokens(rows.get(row)))) {
                    fuse(workspace);
                }
                if (!batch.add(rows.get(row))) {
                    throw new InputException("Cannot fuse row " + row
                            + ": expected finite numbers, got NaN or infinity in " + notFinite(rows.get(row)));
                }
            }
            fuse(workspace);
        }
        boolean pools = model.config().pooling() != Pooling.NONE;
        return new FusedArrays(pools ? Nd4j.createFromArray(pooled.toArray(float[][]::new)) : null, tokens);
    }

    private void fuse(FusionWorkspace workspace) {
        model.fuse(workspace);
        Batch batch = workspace.batch();
        for (int row = 0; row < batch.rows(); row++) {
            tokens.add(Nd4j.createFromArray(workspace.tokens(row)));
            if (model.config().pooling() != Pooling.NONE) {
                pooled.add(workspace.pooled(row));
            }
        }
        batch.clear();
    }

    private static int tokens(List<FeatureSequence> row) {
        return row.stream().mapToInt(FeatureSequence::tokens).sum();
    }

    private static List<FeatureSequence> sequences(ModelConfig config, int row, Map<String, INDArray> arrays) {
        List<FeatureSequence> sequences = new ArrayList<>();
        Set<String> names = new TreeSet<>();
        config.modalities().forEach(modality -> names.add(modality.name()));
        if (arrays == null || !arrays.keySet().equals(names)) {
            String got = arrays == null
                    ? "null"
                    : arrays.keySet().stream()
                            .map(String::valueOf)
                            .sorted()
                            .toList()
                            .toString();
            throw new InputException("Cannot fuse row " + row + ": expected arrays of " + names
                    + " (modalities of the model), got " + got);
        }
        for (ModalityConfig modality : config.modalities()) {
            sequences.add(sequence(row, modality, arrays.get(modality.name())));
        }
        long positions = RowPositions.count(config.learnedTokens(), sequences);
        if (positions > config.positions().longestRow()) {
            throw new InputException("Cannot fuse row " + row + ": expected at most "
                    + config.positions().longestRow() + " tokens (position table of the row in the model), got "
                    + positions);
        }
        return sequences;
    }

    private String notFinite(List<FeatureSequence> row) {
        List<String> names = new ArrayList<>();
        for (int m = 0; m < row.size(); m++) {
            if (!((ArraySequence) row.get(m)).numbers().areFinite()) {
                names.add("'" + model.config().modalities().get(m).name() + "'");
            }
        }
        return String.join(", ", names);
    }

    private static FeatureSequence sequence(int row, ModalityConfig modality, INDArray array) {
        boolean limited = modality.maxPositions() != ModalityConfig.UNLIMITED;
        if (array == null
                || array.rank() != 2
                || array.isEmpty()
                || array.columns() != modality.tokenSize()
                || (limited && array.rows() > modality.maxPositions())) {
            throw new InputException("Cannot fuse row " + row + ": expected '" + modality.name() + "' as [tokens, "
                    + modality.tokenSize() + "]" + contents(modality)
                    + (limited
                            ? " of at most " + modality.maxPositions()
                                    + " tokens (all that the model has positions for)"
                            : "")
                    + ", got " + (array == null ? "null" : Arrays.toString(array.shape())));
        }
        ArrayNumbers numbers = new ArrayNumbers(array);
        if (modality.tokenIds()) {
            checkIds(row, modality, numbers, array.rows());
        }
        return new ArraySequence(numbers, array.rows(), modality.tokenSize());
    }

    /** What the numbers of a token are, for an error message; empty if they are its features only. */
    private static String contents(ModalityConfig modality) {
        if (modality.tokenIds()) {
            return " (token ids)";
        }
        return modality.boxes() == null ? "" : " (features, then boxes)";
    }

    private static void checkIds(int row, ModalityConfig modality, ArrayNumbers numbers, int tokens) {
        float[] ids = new float[tokens];
        numbers.read(0, tokens, ids);
        for (int token = 0; token < tokens; token++) {
            if (!(ids[token] >= 0 && ids[token] < modality.vocabularySize()) || ids[token] != (int) ids[token]) {
                throw new InputException("Cannot fuse row " + row + ": expected whole ids of '" + modality.name()
                        + "' from 0 to " + (modality.vocabularySize() - 1) + " (its word embeddings), got " + ids[token]
                        + " at token " + token);
            }
        }
    }

    private record ArraySequence(ArrayNumbers numbers, int tokens, int width) implements FeatureSequence {
        @Override
        public void copyTo(CheckedCopy out, int first, int count) {
            out.put(numbers::read, first * width, count * width);
        }
    }
}
