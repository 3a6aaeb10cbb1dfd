package dev.braid.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import dev.braid.InputException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Reads a model directory: the config, then the headers of the weight files, then checks that both agree on the
 * tensors, then reads the tensors.
 */
final class CheckpointReader {
    static final String CONFIG = "config.json";

    private static final int MAX_CONFIG_BYTES = 1 << 20;
    private static final int MAX_INDEX_BYTES = 32 << 20;

    /** The most problems in one message; a longer list helps nobody. */
    static final int MOST_PROBLEMS = 100;

    private final String directory;
    private final Path path;
    private final Configuration hadoop;
    private final Set<String> tokenIds;
    private final FileSystem files;
    private final List<String> problems = new ArrayList<>();

    private CheckpointReader(
            String directory, Path path, Configuration hadoop, Set<String> tokenIds, FileSystem files) {
        this.directory = directory;
        this.path = path;
        this.hadoop = hadoop;
        this.tokenIds = tokenIds;
        this.files = files;
    }

    static Inspection read(String directory, Configuration hadoop, Set<String> tokenIds) {
        FileSystem files;
        Path path;
        try {
            path = new Path(directory);
            files = path.getFileSystem(hadoop);
            if (!files.exists(path) || !files.getFileStatus(path).isDirectory()) {
                String got = files.exists(path)
                        ? "a file; give the directory that holds it"
                        : "nothing there; check the path";
                throw new InputException("Cannot read model " + Quote.of(directory) + ": expected a directory with "
                        + CONFIG + " and " + WeightFiles.ONE + ", got " + got);
            }
        } catch (InputException e) {
            throw e;
        } catch (IOException | RuntimeException e) {
            // For a malformed path, an unknown host or a missing file system class, Hadoop throws unchecked exceptions.
            throw new InputException(
                    "Cannot read model " + Quote.of(directory) + ": expected a path that Hadoop can open, got "
                            + Quote.of(e),
                    e);
        }
        return new CheckpointReader(directory, path, hadoop, tokenIds, files).read();
    }

    private Inspection read() {
        boolean hasConfig = isFile(CONFIG);
        Optional<JsonNode> root = hasConfig ? parseConfig() : Optional.empty();
        boolean ofVectors = root.filter(VectorConfigReader::isWritten).isPresent();
        Optional<WrittenVectors> vectors = ofVectors ? VectorConfigReader.read(root.get(), problems) : Optional.empty();
        Optional<WrittenConfig> config =
                ofVectors ? Optional.empty() : root.flatMap(json -> ConfigReader.read(json, problems));
        try (WeightFiles weights = openWeights(hasConfig)) {
            if (!hasConfig) {
                problems.add(MissingConfigMessage.message(weights));
            }
            if (vectors.isPresent()) {
                return read(vectors.get().withPrefixes(weights.names()::prefix), weights);
            }
            if (config.filter(WrittenConfig::namesTensors).isEmpty()) {
                throw failure();
            }
            return read(config.get().withPrefixes(weights.names()::prefix).withTokenIds(tokenIds), weights);
        } catch (IOException e) {
            problems.add("Cannot read " + WeightFiles.ONE + ": expected a readable file, got " + Quote.of(e));
            throw failure();
        }
    }

    private Inspection read(WrittenConfig config, WeightFiles weights) {
        List<StoredStack> stacks = config.stacks().stream()
                .map(stack -> StoredStack.find(config, stack, weights, problems))
                .toList();
        ModelTensors tensors = new ModelTensors(config, stacks, weights.entries());
        TensorCheck check = new TensorCheck(weights, problems);
        check.check(tensors, stacks);
        failOnProblems();
        Checkpoint checkpoint = new Checkpoint(tensors.config(), tensors.walk(new TensorReading(weights, problems)));
        failOnProblems();
        return inspection(checkpoint, title(stacks), weights, check);
    }

    private Inspection read(WrittenVectors config, WeightFiles weights) {
        VectorTensors tensors = VectorTensors.of(config, weights, problems);
        TensorCheck check = new TensorCheck(weights, problems);
        check.check(tensors);
        failOnProblems();
        ModelConfig model = tensors.config();
        List<VectorWeights> read = tensors.walk(new TensorReading(weights, problems));
        failOnProblems();
        return inspection(
                new Checkpoint(model, ModelWeights.ofVectors(model, read)), "one vector per modality", weights, check);
    }

    private static Inspection inspection(
            Checkpoint checkpoint, String dialect, WeightFiles weights, TensorCheck check) {
        StateDictReading reading = new StateDictReading(
                weights.name(),
                List.copyOf(weights.names().removed()),
                weights.names().renamedNorms(),
                check.aliases());
        return new Inspection(checkpoint, dialect, check.placed(), check.unused(), reading);
    }

    private static String title(List<StoredStack> stacks) {
        return stacks.stream()
                .map(stack -> stack.location().dialect().title())
                .distinct()
                .collect(Collectors.joining(", "));
    }

    private WeightFiles openWeights(boolean hasConfig) {
        String problem;
        try {
            if (isFile(Adapters.CONFIG)) {
                throw new InputException("Cannot read " + WeightFiles.ONE
                        + ": expected a whole model, got an adapter next to it or alone (" + Adapters.CONFIG + "); "
                        + Adapters.MERGE + " in a directory without it");
            }
            String file = stateDictFile();
            return StateDictFile.isIndex(file)
                    ? WeightFiles.openShards(path, file, readFile(file, MAX_INDEX_BYTES), hadoop)
                    : WeightFiles.openOne(path, file, hadoop);
        } catch (InputException e) {
            problem = e.getMessage();
        }
        if (!hasConfig) {
            problems.add(MissingConfigMessage.ALL);
        }
        problems.add(problem);
        throw failure();
    }

    private void failOnProblems() {
        if (!problems.isEmpty()) {
            throw failure();
        }
    }

    private Optional<JsonNode> parseConfig() {
        try {
            return ConfigReader.parse(readFile(CONFIG, MAX_CONFIG_BYTES), CONFIG, problems);
        } catch (InputException e) {
            problems.add(e.getMessage());
            return Optional.empty();
        }
    }

    private byte[] readFile(String name, int mostBytes) {
        try (FSDataInputStream in = ModelFile.open(new Path(path, name), files)) {
            byte[] bytes = in.readNBytes(mostBytes + 1);
            if (bytes.length > mostBytes) {
                throw new InputException(
                        "Cannot read " + name + ": expected at most " + mostBytes + " bytes, got more");
            }
            return bytes;
        } catch (IOException e) {
            throw new InputException("Cannot read " + name + ": expected a readable file, got " + Quote.of(e), e);
        }
    }

    private String stateDictFile() {
        if (isFile(WeightFiles.ONE)) {
            return WeightFiles.ONE;
        }
        if (isFile(WeightFiles.INDEX)) {
            return WeightFiles.INDEX;
        }
        List<String> names = new ArrayList<>();
        List<String> directories = new ArrayList<>();
        try {
            for (FileStatus status : files.listStatus(path)) {
                (status.isDirectory() ? directories : names)
                        .add(status.getPath().getName());
            }
        } catch (IOException e) {
            throw new InputException(
                    "Cannot list model " + Quote.of(directory) + ": expected its files, got " + Quote.of(e), e);
        }
        names.sort(null);
        directories.sort(null);
        return StateDictFile.find(names, directories);
    }

    private boolean isFile(String name) {
        try {
            Path file = new Path(path, name);
            return files.exists(file) && files.getFileStatus(file).isFile();
        } catch (IOException e) {
            throw new InputException(
                    "Cannot read " + name + " of model " + Quote.of(directory) + ": expected a readable file, got "
                            + Quote.of(e),
                    e);
        }
    }

    private InputException failure() {
        List<String> distinct = problems.stream().distinct().toList(); // stacks may report the same key
        List<String> shown = distinct.size() <= MOST_PROBLEMS
                ? distinct
                : Stream.concat(distinct.stream().limit(MOST_PROBLEMS), Stream.of("and more"))
                        .toList();
        return InputException.of("Cannot read model " + Quote.of(directory), shown);
    }
}
