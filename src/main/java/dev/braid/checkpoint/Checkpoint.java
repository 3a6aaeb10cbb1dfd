package dev.braid.checkpoint;

import dev.braid.InputException;
import java.io.Serializable;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;

/**
 * A model: its architecture and its weights as stored, read once on the driver and broadcast.
 *
 * @param config the architecture
 * @param weights the tensors that the architecture uses, and the pooler if one is stored; no others
 */
public record Checkpoint(ModelConfig config, ModelWeights weights) implements Serializable {

    /**
     * Reads {@code config.json} and the weights that it needs; {@link Inspection#read} also says how they were read. A
     * modality that could enter as features or as token ids enters as features: see {@link #withTokenIds}.
     *
     * @param directory any path that Hadoop's file system knows: local, {@code hdfs://}, {@code s3a://}
     * @throws InputException with all problems of the directory in one message
     */
    public static Checkpoint read(String directory, Configuration hadoop) {
        return Inspection.read(directory, hadoop).checkpoint();
    }

    /** Reads a model with Hadoop's default configuration, which knows local directories. */
    public static Checkpoint read(String directory) {
        return read(directory, new Configuration());
    }

    /**
     * The same model with another pooling.
     *
     * @throws InputException for {@link Pooling#POOLER} if the model stores no pooler
     */
    public Checkpoint withPooling(Pooling pooling) {
        if (pooling == Pooling.POOLER && weights.pooler() == null) {
            throw new InputException(
                    "Cannot pool with 'pooler': expected a model that stores 'pooler.dense.weight', got"
                            + " none; use mean, max, cls or last");
        }
        return new Checkpoint(config.withPooling(pooling), weights);
    }

    /**
     * The same model, with token ids instead of features for these modalities. Reads their word embeddings if
     * necessary.
     *
     * @param directory where the model was read from
     * @throws InputException for a modality without word embeddings
     */
    public Checkpoint withTokenIds(Set<String> modalities, String directory, Configuration hadoop) {
        boolean missing = config.modalities().stream()
                .anyMatch(modality -> modalities.contains(modality.name()) && !modality.tokenIds());
        return missing
                ? Inspection.read(directory, hadoop, modalities).checkpoint().withPooling(config.pooling())
                : this;
    }

    /** The number of weights. */
    public long parameters() {
        return weights.tensors().mapToLong(tensor -> tensor.shape().elements()).sum();
    }

    /** The size of the stored weights in bytes. */
    public long bytes() {
        return weights.tensors().mapToLong(StoredTensor::bytes).sum();
    }
}
