package dev.braid.checkpoint;

import dev.braid.tensor.Shape;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * Reads the inputs of a golden file. These are {@code <modality>.features} [P, S, feature size], with {@code
 * <modality>.boxes} [P, S, box size] if the model has boxes, or {@code <modality>.ids} I64 [P, S]; and {@code
 * <modality>.lengths} I64 [P] (how many tokens each row keeps, from its first on) or {@code <modality>.mask} I64 [P, S]
 * (1 keeps).
 */
final class GoldenInputReader {
    private final ModelConfig config;
    private final GoldenFile file;
    private long rows = -1;

    GoldenInputReader(ModelConfig config, GoldenFile file) {
        this.config = config;
        this.file = file;
    }

    /** P, known once an input was read. */
    long rows() {
        return rows;
    }

    /** The input of one modality; null, and reported, if it is broken. */
    GoldenInput read(ModalityConfig modality) {
        boolean ids = hasIds(modality);
        TensorEntry entry = tensor(
                tokens(modality),
                ids ? -1 : modality.featureSize(),
                ids ? "" : " (feature_size of '" + modality.name() + "' in config.json)");
        if (entry == null) {
            return null;
        }
        rows = entry.shape().dimension(0);
        int longest = Math.toIntExact(entry.shape().dimension(1));
        int[] lengths = lengths(modality, longest);
        int[][] kept = lengths == null ? null : kept(modality, lengths, longest);
        float[] numbers = kept == null ? null : ids ? ids(modality, entry, kept) : features(modality, entry);
        int tokenSize = ids ? 1 : modality.tokenSize();
        return numbers == null ? null : new GoldenInput(ids, tokenSize, longest, numbers, lengths, kept);
    }

    /** Whether a modality's input is token ids: the model reads ids, or it can and the file has them. */
    private boolean hasIds(ModalityConfig modality) {
        return modality.tokenIds() || (modality.vocabularySize() > 0 && file.has(modality.name() + ".ids"));
    }

    /** The name of the tensor that holds a modality's tokens. */
    private String tokens(ModalityConfig modality) {
        return modality.name() + (hasIds(modality) ? ".ids" : ".features");
    }

    /**
     * A tensor with one number per token or, if {@code width} is positive, with {@code width} numbers per token. Null,
     * and reported, if it has another shape.
     */
    private TensorEntry tensor(String name, int width, String source) {
        TensorEntry entry = file.entry(name);
        String numbers = width > 0 ? ", " + width : "";
        if (entry == null) {
            file.missing(name, "[rows, tokens" + numbers + "]");
            return null;
        }
        Shape shape = entry.shape();
        if (shape.rank() != (width > 0 ? 3 : 2)
                || shape.dimension(0) < 1
                || shape.dimension(1) < 1
                || (width > 0 && shape.dimension(2) != width)
                || (rows >= 0 && shape.dimension(0) != rows)) {
            file.bad(entry, "[" + (rows < 0 ? "rows" : rows) + ", tokens" + numbers + "]" + source);
            return null;
        }
        return entry;
    }

    /**
     * The features, each followed by its box if the model has boxes, [P, S, token size]; null if something is broken.
     */
    private float[] features(ModalityConfig modality, TensorEntry entry) {
        float[] features = file.floats(entry);
        if (modality.boxes() == null || features == null) {
            return features;
        }
        String name = modality.name() + ".boxes";
        TensorEntry ofBoxes =
                tensor(name, modality.boxSize(), " (box_size of '" + modality.name() + "' in config.json)");
        if (ofBoxes == null) {
            return null;
        }
        if (ofBoxes.shape().dimension(1) != entry.shape().dimension(1)) {
            file.bad(ofBoxes, entry.shape().dimension(1) + " boxes a row (tokens of '" + entry.name() + "')");
            return null;
        }
        float[] boxes = file.floats(ofBoxes);
        return boxes == null ? null : joined(features, modality.featureSize(), boxes, modality.boxSize());
    }

    private static float[] joined(float[] features, int featureSize, float[] boxes, int boxSize) {
        FloatBuffer joined = FloatBuffer.allocate(features.length + boxes.length);
        for (int token = 0; joined.hasRemaining(); token++) {
            joined.put(features, token * featureSize, featureSize).put(boxes, token * boxSize, boxSize);
        }
        return joined.array();
    }

    /** The ids as floats, [P, S]; null, and reported, if a kept id is not in the vocabulary. */
    private float[] ids(ModalityConfig modality, TensorEntry entry, int[][] kept) {
        long[] ids = file.longs(entry, entry.shape());
        if (ids == null) {
            return null;
        }
        int longest = Math.toIntExact(entry.shape().dimension(1));
        for (int row = 0; row < kept.length; row++) {
            for (int token : kept[row]) {
                long id = ids[row * longest + token];
                if (id < 0 || id >= modality.vocabularySize()) {
                    file.report("tensor '" + entry.name() + "': expected ids from 0 to "
                            + (modality.vocabularySize() - 1) + " (word embeddings of '" + modality.name() + "'), got "
                            + id + " at " + Shape.of(row, token));
                    return null;
                }
            }
        }
        float[] numbers = new float[ids.length];
        for (int i = 0; i < ids.length; i++) {
            numbers[i] = ids[i];
        }
        return numbers;
    }

    /** The number of tokens of each row: S for every row if the file has a mask but no lengths. */
    private int[] lengths(ModalityConfig modality, long longest) {
        String lengths = modality.name() + ".lengths";
        int[] tokens = new int[Math.toIntExact(rows)];
        if (!file.has(lengths)) {
            if (!file.has(modality.name() + ".mask")) {
                file.missing(lengths, Shape.of(rows).toString());
                return null;
            }
            Arrays.fill(tokens, Math.toIntExact(longest));
            return tokens;
        }
        long[] stored = file.longs(file.entry(lengths), Shape.of(rows));
        for (int row = 0; stored != null && row < tokens.length; row++) {
            if (stored[row] < 1 || stored[row] > longest) {
                file.report("tensor '" + lengths + "': expected 1 to " + longest + " (tokens of '" + tokens(modality)
                        + "'), got " + stored[row] + " at [" + row + "]");
                return null;
            }
            tokens[row] = (int) stored[row];
        }
        return stored == null ? null : tokens;
    }

    /** The kept tokens of each row: those within its length, without those that a mask drops. */
    private int[][] kept(ModalityConfig modality, int[] lengths, long longest) {
        String mask = modality.name() + ".mask";
        boolean masked = file.has(mask);
        long[] keeps = masked ? file.longs(file.entry(mask), Shape.of(rows, longest)) : null;
        if (masked && keeps == null) {
            return null;
        }
        int[][] kept = new int[lengths.length][];
        for (int row = 0; row < kept.length; row++) {
            int start = row * (int) longest;
            kept[row] = IntStream.range(0, lengths[row])
                    .filter(token -> keeps == null || keeps[start + token] == 1)
                    .toArray();
        }
        boolean sound = (keeps == null || onlyZerosAndOnes(mask, keeps, (int) longest)) && isAccepted(kept, modality);
        return sound ? kept : null;
    }

    private boolean onlyZerosAndOnes(String mask, long[] keeps, int longest) {
        for (int i = 0; i < keeps.length; i++) {
            if (keeps[i] != 0 && keeps[i] != 1) {
                file.report("tensor '" + mask + "': expected 1 (keep) or 0 (drop), got " + keeps[i] + " at "
                        + Shape.of(i / longest, i % longest));
                return false;
            }
        }
        return true;
    }

    /** Whether the model accepts rows with these kept tokens; if not, reports why. */
    private boolean isAccepted(int[][] kept, ModalityConfig modality) {
        boolean first =
                config.firstTokenModalities(true).contains(config.modalities().indexOf(modality));
        String tokens = "the kept tokens of '" + tokens(modality) + "': expected ";
        for (int row = 0; row < kept.length; row++) {
            int[] ofRow = kept[row];
            if (ofRow.length > 0 && ofRow[ofRow.length - 1] >= modality.maxPositions()) {
                file.report(tokens + "at most " + modality.maxPositions() + " positions (position table of '"
                        + modality.name() + "'), got " + (ofRow[ofRow.length - 1] + 1) + " in row " + row);
                return false;
            }
            if (first && (ofRow.length == 0 || ofRow[0] != 0)) {
                file.report(tokens + "token 0 (pooling '"
                        + config.firstTokenPooling().configName() + "' reads it), got it dropped" + " in row " + row);
                return false;
            }
        }
        return true;
    }
}
