package dev.braid.checkpoint;

import dev.braid.InputException;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;

/**
 * A model read from a directory, with a report of how its tensors were found.
 *
 * @param checkpoint the model
 * @param dialect the dialect of the tensors' names, as messages call it
 * @param tensors the tensors that the model uses, in the order in which data passes through them
 * @param unused the other tensors of the files, in file order; they were not read
 * @param reading which file was read, and which names were changed
 */
public record Inspection(
        Checkpoint checkpoint,
        String dialect,
        List<PlacedTensor> tensors,
        List<TensorEntry> unused,
        StateDictReading reading) {

    public Inspection {
        tensors = List.copyOf(tensors);
        unused = List.copyOf(unused);
    }

    /**
     * Reads {@code config.json} and the weights that it needs.
     *
     * @param directory any path that Hadoop's file system knows: local, {@code hdfs://}, {@code s3a://}
     * @throws InputException with all problems of the directory in one message
     */
    public static Inspection read(String directory, Configuration hadoop) {
        return read(directory, hadoop, Set.of());
    }

    /**
     * Like {@link #read(String, Configuration)}, but modalities in {@code tokenIds} enter as token ids, so their word
     * embeddings are read.
     *
     * @throws InputException with all problems, including such a modality without word embeddings
     */
    public static Inspection read(String directory, Configuration hadoop, Set<String> tokenIds) {
        return CheckpointReader.read(directory, hadoop, tokenIds);
    }
}
