package dev.braid.checkpoint;

import dev.braid.InputException;
import dev.braid.tensor.Shape;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Reads a golden file strictly. It may hold the inputs that {@link GoldenInputReader} names (a row may lack modalities,
 * but not all) and the outputs that {@link Golden} names, and nothing else.
 */
final class GoldenReader {
    private final ModelConfig config;
    private final List<String> problems = new ArrayList<>();
    private final GoldenFile file;
    private long rows;

    private GoldenReader(ModelConfig config, SafetensorsFile file) {
        this.config = config;
        this.file = new GoldenFile(file, problems);
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
        GoldenInputReader reader = new GoldenInputReader(config, file);
        for (ModalityConfig modality : config.modalities()) {
            inputs.add(reader.read(modality));
        }
        failOnProblems();
        rows = reader.rows();
        checkNoRowIsEmpty(inputs);
        checkPositions(inputs);
        failOnProblems();
        long groups = config.groups().size();
        Map<Integer, GoldenOutput> layers = new TreeMap<>();
        List<StackConfig> layerStacks = config.layerStacks();
        for (int layer = 0; layer < layerStacks.size(); layer++) {
            int stream = layerStacks.get(layer).stream();
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
        boolean attends = !config.attentions().isEmpty();
        GoldenOutput attention = attends ? output("attention", rows, groups) : null;
        GoldenOutput attentionByLayer =
                attends ? output("attention_by_layer", rows, config.attentions().size(), groups) : null;
        file.unused().forEach(this::reportUnused);
        failOnProblems();
        return new Golden(
                inputs, tokenIds(inputs), layers, fused, config.pooling(), pooled, attention, attentionByLayer);
    }

    /** The modalities whose inputs are token ids. */
    private Set<String> tokenIds(List<GoldenInput> inputs) {
        return IntStream.range(0, inputs.size())
                .filter(m -> inputs.get(m).isIds())
                .mapToObj(m -> config.modalities().get(m).name())
                .collect(Collectors.toSet());
    }

    /** The number of kept tokens of some groups, in all rows. */
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

    /** Every row must have a kept token, and one in every stream without learned tokens. */
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

    /** The position of every kept token in its row must be one that the model has. */
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

    private GoldenOutput required(String name, long height, long width) {
        if (!file.has(name)) {
            file.missing(name, Shape.of(height, width).toString());
        }
        return output(name, height, width);
    }

    /** The output of this name; null if there is none or it is broken. */
    private GoldenOutput output(String name, long... dimensions) {
        TensorEntry entry = file.entry(name);
        if (entry == null) {
            return null;
        }
        Shape expected = Shape.of(dimensions);
        if (!entry.shape().equals(expected)) {
            file.bad(entry, expected + " (the rows and tokens of the features, and config.json)");
            return null;
        }
        float[] values = file.floats(entry);
        return values == null ? null : new GoldenOutput(name, values.length / Math.toIntExact(dimensions[0]), values);
    }

    private void reportUnused(TensorEntry entry) {
        String pooled = config.pooling() == Pooling.NONE ? "" : " pooled,";
        file.bad(
                entry,
                "only features, boxes, ids, lengths, mask, layers.{i}, fused," + pooled
                        + " attention and attention_by_layer" + (pooled.isEmpty() ? " (pooling is 'none')" : ""));
    }

    private void failOnProblems() {
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot read " + Golden.FILE, problems);
        }
    }
}
