package dev.braid.checkpoint;

import dev.braid.InputException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** One reading of a model directory: config, then header, then what both say of the tensors, then the tensors. */
final class CheckpointReader {
    static final String CONFIG = "config.json";

    private static final int MAX_CONFIG_BYTES = 1 << 20;
    private static final int MAX_INDEX_BYTES = 32 << 20;

    /** More say nothing that these do not. */
    static final int MOST_PROBLEMS = 100;

    private static final String PYTORCH = "pytorch_model.bin";

    /** Files of torch.save, which only Python reads. */
    private static final List<String> PICKLED = List.of(".bin", ".pt", ".pth");

    /**
     * Merges every file that a pattern finds. A training checkpoint holds its state dict under a key: the first value that
     * holds tensors. Every tensor is copied, since safetensors holds none twice.
     */
    private static final String CONVERSION = "python -c \"import glob, torch; from safetensors.torch import save_file;"
            + " is_dict = lambda t: isinstance(t, dict) and any(isinstance(v, torch.Tensor) for v in t.values());"
            + " d = {}; [d.update(next(filter(is_dict, t.values()), t)) for t in (torch.load(f, map_location='cpu',"
            + " weights_only=True) for f in sorted(glob.glob('%s')))]; w = {k: v.detach().clone().contiguous()"
            + " for k, v in d.items() if isinstance(v, torch.Tensor)}; assert w, 'no tensors found';"
            + " save_file(w, 'model.safetensors')\"";

    private final String directory;
    private final Path path;
    private final Configuration hadoop;
    private final FileSystem files;
    private final List<String> problems = new ArrayList<>();

    private CheckpointReader(String directory, Path path, Configuration hadoop, FileSystem files) {
        this.directory = directory;
        this.path = path;
        this.hadoop = hadoop;
        this.files = files;
    }

    static Inspection read(String directory, Configuration hadoop) {
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
            // Hadoop reports a malformed path, an unknown host and a missing file system class unchecked.
            throw new InputException(
                    "Cannot read model " + Quote.of(directory) + ": expected a path that Hadoop can open, got "
                            + Quote.of(e),
                    e);
        }
        return new CheckpointReader(directory, path, hadoop, files).read();
    }

    private Inspection read() {
        boolean described = isFile(CONFIG);
        Optional<WrittenConfig> config = described ? readConfig() : Optional.empty();
        try (WeightFiles weights = openWeights(described)) {
            if (!described) {
                problems.add(OpenKeys.message(weights));
            }
            if (config.filter(WrittenConfig::namesTensors).isEmpty()) {
                throw failure();
            }
            return read(config.get(), weights);
        } catch (IOException e) {
            problems.add("Cannot read " + WeightFiles.ONE + ": expected a readable file, got " + Quote.of(e));
            throw failure();
        }
    }

    private Inspection read(WrittenConfig config, WeightFiles weights) {
        List<StoredEncoder> stacks = config.stacks().stream()
                .map(stack -> StoredEncoder.find(config, stack, weights, problems))
                .toList();
        ModelTensors tensors = new ModelTensors(config, stacks, weights.entries());
        TensorCheck check = new TensorCheck(weights, problems);
        check.check(tensors, stacks);
        failOnProblems();
        Checkpoint checkpoint = new Checkpoint(tensors.config(), tensors.walk(new TensorReading(weights, problems)));
        failOnProblems();
        return new Inspection(checkpoint, title(stacks), check.placed(), check.unused());
    }

    private static String title(List<StoredEncoder> stacks) {
        return stacks.stream()
                .map(stack -> stack.encoder().dialect().title())
                .distinct()
                .collect(Collectors.joining(", "));
    }

    private WeightFiles openWeights(boolean described) {
        String problem;
        try {
            if (isFile(WeightFiles.ONE)) {
                return WeightFiles.openOne(path, hadoop);
            }
            if (isFile(WeightFiles.INDEX)) {
                return WeightFiles.openShards(path, readFile(WeightFiles.INDEX, MAX_INDEX_BYTES), hadoop);
            }
            problem = missingWeights();
        } catch (InputException e) {
            problem = e.getMessage();
        }
        if (!described) {
            problems.add(OpenKeys.ALL);
        }
        problems.add(problem);
        throw failure();
    }

    private void failOnProblems() {
        if (!problems.isEmpty()) {
            throw failure();
        }
    }

    private Optional<WrittenConfig> readConfig() {
        try {
            return ConfigReader.read(readFile(CONFIG, MAX_CONFIG_BYTES), problems);
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

    private String missingWeights() {
        String object = "Cannot read " + WeightFiles.ONE + ": expected the state dict in it, or in the shards of "
                + WeightFiles.INDEX + ", got ";
        if (isFile(PYTORCH + ".index.json")) {
            return object + "shards of " + PYTORCH + "; convert them in their directory with "
                    + CONVERSION.formatted("pytorch_model-*.bin");
        }
        try {
            return object
                    + Arrays.stream(files.listStatus(path))
                            .filter(FileStatus::isFile)
                            .map(file -> file.getPath().getName())
                            .filter(name -> PICKLED.stream().anyMatch(name::endsWith))
                            .min(Comparator.comparing((String name) -> !name.equals(PYTORCH))
                                    .thenComparing(Comparator.naturalOrder()))
                            .map(name ->
                                    Quote.of(name) + "; convert it in its directory with " + CONVERSION.formatted(name))
                            .orElse("no such file");
        } catch (IOException e) {
            return object + Quote.of(e);
        }
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
        List<String> shown = problems.size() <= MOST_PROBLEMS
                ? problems
                : Stream.concat(problems.stream().limit(MOST_PROBLEMS), Stream.of("and more"))
                        .toList();
        return InputException.of("Cannot read model " + Quote.of(directory), shown);
    }
}
