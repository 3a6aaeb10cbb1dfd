package dev.braid.checkpoint;

import dev.braid.InputException;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;

/**
 * A model directory as it was understood.
 *
 * @param checkpoint the model
 * @param dialect whose names its tensors have, for people to read
 * @param tensors those that the model uses, in the order of the data's way through it
 * @param unused those that it does not, in the order of their files; they were not read
 * @param reading how the tensors' files and names were taken
 */
public record Inspection(
        Checkpoint checkpoint,
        String dialect,
        List<PlacedTensor> tensors,
        List<TensorEntry> unused,
        NameReading reading) {

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
     * As above; modalities in {@code tokenIds} enter as token ids, and their word embeddings are read.
     *
     * @throws InputException as above, and for such a modality without word embeddings
     */
    public static Inspection read(String directory, Configuration hadoop, Set<String> tokenIds) {
        return CheckpointReader.read(directory, hadoop, tokenIds);
    }
}
