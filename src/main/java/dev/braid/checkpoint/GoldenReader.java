package dev.braid.checkpoint;

import dev.braid.InputException;
import dev.braid.tensor.Shape;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * One reading of a golden file, strict: {@code <modality>.features} [P, S, feature size] with {@code <modality>.lengths} I64
 * [P] (the first so many tokens are kept) or {@code <modality>.mask} I64 [P, S] (1 keeps; a row may lack modalities,
 * but not all), and the outputs that {@link Golden} names.
 */
final class GoldenReader {
    /** Far beyond what a check needs, and far below what one array can hold. */
    private static final long MOST_ELEMENTS = 1L << 28;

    private final ModelConfig config;
    private final SafetensorsFile file;
    private final List<String> problems = new ArrayList<>();
    private final Set<String> used = new HashSet<>();
    private long rows = -1;

    private GoldenReader(ModelConfig config, SafetensorsFile file) {
        this.config = config;
        this.file = file;
    }

    static Optional<Golden> read(String directory, ModelConfig config, Configuration hadoop) {
        Path path = new Path(directory, Golden.FILE);
        try {
            FileSystem files = path.getFileSystem(hadoop);
            if (!files.exists(path)) {
                return Optional.empty();
            }
            try (SafetensorsFile file = SafetensorsFile.open(path, hadoop)) {
                return Optional.of(new GoldenReader(config, file).read());
            }
        } catch (IOException e) {
            throw new InputException(
                    "Cannot read " + Golden.FILE + " of model " + Quote.of(directory)
                            + ": expected a readable file, got " + Quote.of(e),
                    e);
        }
    }

    private Golden read() {
        List<GoldenInput> inputs = new ArrayList<>();
        for (ModalityConfig modality : config.modalities()) {
            inputs.add(input(modality));
        }
        failOnProblems();
        checkNoRowIsEmpty(inputs);
        checkPositions(inputs);
        failOnProblems();
        long groups = config.groups().size();
        Map<Integer, GoldenOutput> layers = new TreeMap<>();
        for (int layer = 0; layer < config.layers(); layer++) {
            int stream = config.stackOf(layer).stream();
            GoldenOutput output = output(
                    "layers." + layer,
                    tokens(config.groups(stream), inputs),
                    config.streams().get(stream).hiddenSize());
            if (output != null) {
                layers.put(layer, output);
            }
        }
        GoldenOutput fused = required("fused", tokens(config.outputGroups(), inputs), config.hiddenSize());
        GoldenOutput pooled = config.pooling() == Pooling.NONE ? null : required("pooled", rows, config.hiddenSize());
        GoldenOutput attention = output("attention", rows, groups);
        GoldenOutput attentionByLayer =
                output("attention_by_layer", rows, config.attentions().size(), groups);
        checkUnused();
        failOnProblems();
        return new Golden(inputs, layers, fused, config.pooling(), pooled, attention, attentionByLayer);
    }

    /** The kept tokens of some groups, in all rows. */
    private long tokens(List<ModelConfig.Group> groups, List<GoldenInput> inputs) {
        long tokens = 0;
        for (ModelConfig.Group group : groups) {
            for (int row = 0; row < rows; row++) {
                tokens += group.isLearned()
                        ? group.learned()
                        : inputs.get(group.modality()).kept(row).length;
            }
        }
        return tokens;
    }

    /** A row may lack modalities, but not all. */
    private void checkNoRowIsEmpty(List<GoldenInput> inputs) {
        for (int row = 0; row < rows; row++) {
            int number = row;
            if (inputs.stream().allMatch(input -> input.kept(number).length == 0)) {
                problems.add("the kept tokens: expected at least one in every row, got none in row " + row);
                continue;
            }
            for (StreamConfig stream : config.streams()) {
                boolean none = stream.modalities().stream()
                        .allMatch(modality -> inputs.get(modality).kept(number).length == 0);
                if (none && stream.learnedTokens() == 0 && !stream.isJoined()) {
                    problems.add("the kept tokens of stream '" + stream.name()
                            + "': expected at least one in every row, got none in row " + row);
                }
            }
        }
    }

    /** Every kept token must have a position in its row that the model has. */
    private void checkPositions(List<GoldenInput> inputs) {
        for (int row = 0; row < rows; row++) {
            int first = config.learnedTokens();
            int last = 0;
            for (GoldenInput input : inputs) {
                int[] kept = input.kept(row);
                last = kept.length == 0 ? last : first + kept[kept.length - 1];
                first += input.tokens(row);
            }
            if (last >= config.positions().longestRow()) {
                problems.add("the kept tokens: expected at most "
                        + config.positions().longestRow() + " positions in a row (its position tables), got "
                        + (last + 1)
                        + " in row " + row);
            }
        }
    }

    private GoldenInput input(ModalityConfig modality) {
        String features = modality.name() + ".features";
        TensorEntry entry = entry(features);
        if (entry == null) {
            missing(features, "[rows, tokens, " + modality.featureSize() + "]");
            return null;
        }
        Shape shape = entry.shape();
        if (shape.rank() != 3
                || shape.dimension(0) < 1
                || shape.dimension(1) < 1
                || shape.dimension(2) != modality.featureSize()
                || (rows >= 0 && shape.dimension(0) != rows)) {
            bad(
                    entry,
                    "[" + (rows < 0 ? "rows" : rows) + ", tokens, " + modality.featureSize() + "] (feature_size of '"
                            + modality.name() + "' in config.json)");
            return null;
        }
        rows = shape.dimension(0);
        float[] values = floats(entry);
        int[] lengths = lengths(modality, shape.dimension(1));
        int[][] kept = lengths == null ? null : kept(modality, lengths, shape.dimension(1));
        if (values == null || kept == null) {
            return null;
        }
        return new GoldenInput(modality.featureSize(), Math.toIntExact(shape.dimension(1)), values, lengths, kept);
    }

    /** Tokens of each row; where the file does not tell them, a mask is as long as the rows are. */
    private int[] lengths(ModalityConfig modality, long longest) {
        String lengths = modality.name() + ".lengths";
        int[] tokens = new int[Math.toIntExact(rows)];
        if (!file.entries().containsKey(lengths)) {
            if (!file.entries().containsKey(modality.name() + ".mask")) {
                missing(lengths, Shape.of(rows).toString());
                return null;
            }
            Arrays.fill(tokens, Math.toIntExact(longest));
            return tokens;
        }
        long[] stored = longs(entry(lengths), Shape.of(rows));
        for (int row = 0; stored != null && row < tokens.length; row++) {
            if (stored[row] < 1 || stored[row] > longest) {
                problems.add("tensor '" + lengths + "': expected 1 to " + longest + " (tokens of '" + modality.name()
                        + ".features'), got " + stored[row] + " at [" + row + "]");
                return null;
            }
            tokens[row] = (int) stored[row];
        }
        return stored == null ? null : tokens;
    }

    /** Per row the kept tokens: those of its length that the mask keeps, where there is one. */
    private int[][] kept(ModalityConfig modality, int[] lengths, long longest) {
        String mask = modality.name() + ".mask";
        boolean masked = file.entries().containsKey(mask);
        long[] keeps = masked ? longs(entry(mask), Shape.of(rows, longest)) : null;
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
        boolean sound = (keeps == null || onlyZerosAndOnes(mask, keeps, (int) longest)) && canBe(kept, modality);
        return sound ? kept : null;
    }

    private boolean onlyZerosAndOnes(String mask, long[] keeps, int longest) {
        for (int i = 0; i < keeps.length; i++) {
            if (keeps[i] != 0 && keeps[i] != 1) {
                problems.add("tensor '" + mask + "': expected 1 (keep) or 0 (drop), got " + keeps[i] + " at "
                        + Shape.of(i / longest, i % longest));
                return false;
            }
        }
        return true;
    }

    /** Whether the model takes rows with those tokens kept. */
    private boolean canBe(int[][] kept, ModalityConfig modality) {
        boolean first = config.modalities().indexOf(modality) == config.pooledModality();
        String tokens = "the kept tokens of '" + modality.name() + ".features': expected ";
        for (int row = 0; row < kept.length; row++) {
            int[] ofRow = kept[row];
            if (ofRow.length > 0 && ofRow[ofRow.length - 1] >= modality.maxPositions()) {
                problems.add(tokens + "at most " + modality.maxPositions() + " positions (position table of '"
                        + modality.name() + "'), got " + (ofRow[ofRow.length - 1] + 1) + " in row " + row);
                return false;
            }
            if (first && (ofRow.length == 0 || ofRow[0] != 0)) {
                problems.add(tokens + "token 0 (pooling '" + config.pooling().configName()
                        + "' reads it), got it dropped" + " in row " + row);
                return false;
            }
        }
        return true;
    }

    private GoldenOutput required(String name, long height, long width) {
        if (!file.entries().containsKey(name)) {
            missing(name, Shape.of(height, width).toString());
        }
        return output(name, height, width);
    }

    /** The output of that name, or null where there is none. */
    private GoldenOutput output(String name, long... dimensions) {
        TensorEntry entry = entry(name);
        if (entry == null) {
            return null;
        }
        Shape expected = Shape.of(dimensions);
        if (!entry.shape().equals(expected)) {
            bad(entry, expected + " (the rows and tokens of the features, and config.json)");
            return null;
        }
        float[] values = floats(entry);
        return values == null ? null : new GoldenOutput(name, values.length / Math.toIntExact(dimensions[0]), values);
    }

    private TensorEntry entry(String name) {
        used.add(name);
        return file.entries().get(name);
    }

    private float[] floats(TensorEntry entry) {
        if (!entry.dtype().isWeight()) {
            bad(entry, "F32");
            return null;
        }
        if (entry.shape().elements() > MOST_ELEMENTS) {
            bad(entry, "at most " + MOST_ELEMENTS + " numbers");
            return null;
        }
        StoredTensor tensor = file.read(entry.name());
        Optional<String> notFinite = tensor.firstNotFinite();
        if (notFinite.isPresent()) {
            problems.add("tensor " + Quote.of(entry.name()) + ": expected finite numbers, got " + notFinite.get());
            return null;
        }
        float[] values = new float[Math.toIntExact(entry.shape().elements())];
        tensor.copyTo(FloatBuffer.wrap(values));
        return values;
    }

    private long[] longs(TensorEntry entry, Shape expected) {
        if (entry.dtype() != DType.I64 || !entry.shape().equals(expected)) {
            bad(entry, "I64 " + expected);
            return null;
        }
        long[] values = new long[Math.toIntExact(expected.elements())];
        file.read(entry.name()).copyTo(LongBuffer.wrap(values));
        return values;
    }

    private void missing(String name, String expected) {
        problems.add("tensor '" + name + "': expected " + expected + ", got no such tensor");
    }

    private void bad(TensorEntry entry, String expected) {
        problems.add("tensor " + Quote.of(entry.name()) + ": expected " + expected + ", got " + entry.describe());
    }

    private void checkUnused() {
        for (TensorEntry entry : file.entries().values()) {
            if (!used.contains(entry.name())) {
                String pooled = config.pooling() == Pooling.NONE ? "" : " pooled,";
                problems.add("tensor " + Quote.of(entry.name()) + ": expected only features, lengths, mask, layers.{i},"
                        + " fused," + pooled + " attention and attention_by_layer"
                        + (pooled.isEmpty() ? " (pooling is 'none')" : "") + ", got " + entry.describe());
            }
        }
    }

    private void failOnProblems() {
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot read " + Golden.FILE, problems);
        }
    }
}
