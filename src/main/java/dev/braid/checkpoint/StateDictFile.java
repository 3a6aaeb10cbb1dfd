package dev.braid.checkpoint;

import dev.braid.InputException;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Finds the file of a model directory that holds the state dict, if it is not called {@value WeightFiles#ONE}. If there
 * is none, or several, the error message says what to do; for most training tools, that is a {@link ConversionCommand}.
 */
final class StateDictFile {
    private static final String SAFETENSORS = ".safetensors";

    /**
     * Names of the index of shards: {@code model.safetensors.index.json}, {@code model.safetensors.index.fp16.json}.
     */
    private static final Pattern INDEX = Pattern.compile(".*\\.safetensors\\.index(\\.[^.]+)?\\.json");

    private static final Pattern SHARD = Pattern.compile("(?<base>.*)-\\d+-of-(?<total>\\d+)(?<type>\\.\\w+)");

    /** Files of torch.save, which only Python reads. */
    private static final Pattern PICKLED = Pattern.compile(".*\\.(bin|pt|pth|ckpt|pkl|pth\\.tar)");

    /** Files that trainers save with torch.save in addition to the model. */
    private static final Pattern TRAINING_STATE = Pattern.compile(
            "(optimizer|scheduler|scaler|sampler|training_args|rng_state|random_states).*|.*optim_states\\.pt");

    private static final String PYTORCH = "pytorch_model.bin";

    /** The extension of a shard of torch.distributed.checkpoint. */
    private static final String DISTRIBUTED = ".distcp";

    private static final String DEEPSPEED = "zero_to_fp32.py";

    private static final int MOST_NAMES = 20;

    private final List<String> files;
    private final List<String> directories;

    private StateDictFile(List<String> files, List<String> directories) {
        this.files = files;
        this.directories = directories;
    }

    /**
     * The one safetensors file, or the index of the shards.
     *
     * @param files the names of the directory's files, in order
     * @param directories the names of its directories, in order
     * @throws InputException if there is none, or several
     */
    static String find(List<String> files, List<String> directories) {
        return new StateDictFile(files, directories).find();
    }

    static boolean isIndex(String name) {
        return INDEX.matcher(name).matches();
    }

    private List<String> matching(Predicate<String> predicate) {
        return files.stream().filter(predicate).toList();
    }

    private String find() {
        List<String> whole = matching(name ->
                isIndex(name) || (name.endsWith(SAFETENSORS) && !name.equals(Golden.FILE) && !isOneOfSeveral(name)));
        if (whole.size() == 1) {
            return whole.get(0);
        }
        throw new InputException("Cannot read " + WeightFiles.ONE + ": expected the state dict in it, in the shards of "
                + WeightFiles.INDEX + " or in the only other " + SAFETENSORS + " file, got "
                + (whole.isEmpty() ? others() : several(whole)));
    }

    private static boolean isOneOfSeveral(String name) {
        Matcher shard = SHARD.matcher(name);
        return shard.matches() && !shard.group("total").matches("0*1");
    }

    private static String several(List<String> whole) {
        List<String> mergeable = whole.stream().filter(name -> !isIndex(name)).toList();
        return quoted(whole) + "; keep only the one that is meant"
                + (mergeable.size() < whole.size()
                        ? ""
                        : ", or merge parts of a model in their directory with " + ConversionCommand.of(mergeable));
    }

    private String others() {
        List<String> shards = matching(name -> name.endsWith(SAFETENSORS) && isOneOfSeveral(name));
        if (!shards.isEmpty()) {
            return "shards without their index, such as " + Quote.of(shards.get(0)) + "; copy the index"
                    + " there too, or merge them in their directory with " + merged(shards);
        }
        if (files.stream().anyMatch(name -> name.endsWith(DISTRIBUTED))) {
            return "a checkpoint of torch.distributed.checkpoint; convert it in its directory with "
                    + ConversionCommand.ofDistributed();
        }
        if (files.contains(DEEPSPEED)) {
            return "a checkpoint of DeepSpeed; write its weights with " + DEEPSPEED + ", which is there";
        }
        List<String> pickled = matching(name ->
                PICKLED.matcher(name).matches() && !TRAINING_STATE.matcher(name).matches());
        if (pickled.contains(PYTORCH)) {
            pickled = List.of(PYTORCH);
        }
        if (pickled.isEmpty()) {
            return directories.isEmpty()
                    ? "no such file"
                    : "no such file, but the directories " + quoted(directories)
                            + "; give the one that holds it if one does";
        }
        List<String> parts =
                pickled.stream().filter(StateDictFile::isOneOfSeveral).toList();
        if (parts.size() == pickled.size()) {
            return "shards such as " + Quote.of(parts.get(0)) + "; convert them in their directory with "
                    + merged(parts);
        }
        return quoted(pickled) + "; convert " + (pickled.size() == 1 ? "it" : "the right ones") + " in "
                + (pickled.size() == 1 ? "its" : "their") + " directory with " + ConversionCommand.of(pickled);
    }

    /** The command that merges shards: by a pattern if their names differ only in the number, else by their names. */
    private static String merged(List<String> shards) {
        Matcher first = SHARD.matcher(shards.get(0));
        String begin = first.replaceFirst("${base}-");
        String end = first.replaceFirst("-of-${total}${type}");
        return shards.stream().allMatch(name -> name.startsWith(begin) && name.endsWith(end))
                ? ConversionCommand.ofAll(begin, end)
                : ConversionCommand.of(shards);
    }

    private static String quoted(List<String> names) {
        return Stream.concat(
                        names.stream().limit(MOST_NAMES).map(Quote::of),
                        names.size() > MOST_NAMES ? Stream.of("more") : Stream.empty())
                .collect(Collectors.joining(", "));
    }
}
