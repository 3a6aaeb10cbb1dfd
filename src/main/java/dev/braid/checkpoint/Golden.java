package dev.braid.checkpoint;

import dev.braid.InputException;
import java.io.Serializable;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;

/**
 * Rows of inputs and what PyTorch computed from them, read from {@code golden.safetensors} of a model directory (P rows
 * with N fused tokens in total, D hidden size, A attentions of the model, G groups of tokens as in {@link
 * ModelConfig#groups}).
 *
 * @param inputs one per modality, in the model's order
 * @param tokenIds names of the modalities whose inputs are token ids; the model must read ids too ({@link
 *     Checkpoint#withTokenIds})
 * @param layers the output of layer i, for the layers that the file holds: every token of the layer's stream
 * @param fused [N, D]: every token of every row, one row after the other
 * @param pooling the pooling that gave {@code pooled}
 * @param pooled [P, D], or null if the model does not pool
 * @param attention shares of attention, [P, G], or null
 * @param attentionByLayer the same for each attention, [P, A G], or null
 */
public record Golden(
        List<GoldenInput> inputs,
        Set<String> tokenIds,
        Map<Integer, GoldenOutput> layers,
        GoldenOutput fused,
        Pooling pooling,
        GoldenOutput pooled,
        GoldenOutput attention,
        GoldenOutput attentionByLayer)
        implements Serializable {
    /** The name of the file in a model directory. */
    public static final String FILE = "golden.safetensors";

    public Golden {
        inputs = List.copyOf(inputs);
        tokenIds = Set.copyOf(tokenIds);
        layers = Map.copyOf(layers);
    }

    /**
     * Reads the golden file of a model, if the directory has one.
     *
     * @throws InputException that lists everything missing from the file and everything that does not fit {@code config}
     */
    public static Optional<Golden> read(String directory, ModelConfig config, Configuration hadoop) {
        return GoldenReader.read(directory, config, hadoop);
    }

    /** P. */
    public int rows() {
        return inputs.get(0).rows();
    }

    /** N: the number of tokens in all rows, without padding, with CLS. */
    public int tokens() {
        return fused.rows();
    }
}
