package dev.braid.checkpoint;

import dev.braid.InputException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** One reading of a model directory: config, then header, then what both say of the tensors, then the tensors. */
final class CheckpointReader {
    static final String CONFIG = "config.json";
    static final String WEIGHTS = "model.safetensors";

    private static final int MAX_CONFIG_BYTES = 1 << 20;

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

    static Checkpoint read(String directory, Configuration hadoop) {
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
                        + CONFIG + " and " + WEIGHTS + ", got " + got);
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

    private Checkpoint read() {
        Optional<WrittenConfig> config = readConfig();
        if (!isFile(WEIGHTS)) {
            problems.add(missingWeights());
            throw failure();
        }
        try (SafetensorsFile weights = openWeights()) {
            Optional<ModelTensors> tensors = config.filter(WrittenConfig::namesTensors)
                    .map(written -> new ModelTensors(written, weights, problems));
            tensors.ifPresent(ModelTensors::check);
            failOnProblems();
            ModelTensors checked = tensors.orElseThrow();
            ModelConfig architecture = config.orElseThrow().toModelConfig(checked.intermediateSize());
            ModelWeights read = checked.read();
            failOnProblems();
            return new Checkpoint(architecture, read);
        } catch (IOException e) {
            problems.add("Cannot read " + WEIGHTS + ": expected a readable file, got " + Quote.of(e));
            throw failure();
        }
    }

    private SafetensorsFile openWeights() {
        try {
            return SafetensorsFile.open(new Path(path, WEIGHTS), hadoop);
        } catch (InputException e) {
            problems.add(e.getMessage());
            throw failure();
        }
    }

    private void failOnProblems() {
        if (!problems.isEmpty()) {
            throw failure();
        }
    }

    private Optional<WrittenConfig> readConfig() {
        Path file = new Path(path, CONFIG);
        if (!isFile(CONFIG)) {
            problems.add("Cannot read " + CONFIG + ": expected model_type, modalities, hidden_size, num_hidden_layers,"
                    + " num_attention_heads, norm_first, hidden_act and layer_norm_eps, got no such file; write one"
                    + " (a state dict does not tell heads, norm_first, activation or eps)");
            return Optional.empty();
        }
        try (FSDataInputStream in = files.open(file)) {
            byte[] bytes = in.readNBytes(MAX_CONFIG_BYTES + 1);
            if (bytes.length > MAX_CONFIG_BYTES) {
                problems.add("Cannot read " + CONFIG + ": expected at most " + MAX_CONFIG_BYTES + " bytes, got more");
                return Optional.empty();
            }
            return ConfigReader.read(bytes, problems);
        } catch (IOException e) {
            problems.add("Cannot read " + CONFIG + ": expected a readable file, got " + Quote.of(e));
            return Optional.empty();
        }
    }

    private String missingWeights() {
        String object = "Cannot read " + WEIGHTS + ": expected the state dict in this one file, got ";
        if (isFile(WEIGHTS + ".index.json")) {
            return object + WEIGHTS + ".index.json (shards are not supported by this version); save it unsharded";
        }
        if (isFile("pytorch_model.bin")) {
            return object + "pytorch_model.bin; convert it with safetensors.torch.save_file";
        }
        return object + "no such file";
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
        return InputException.of("Cannot read model " + Quote.of(directory), problems);
    }
}
