package dev.braid.checkpoint;

import java.io.Serializable;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;

/**
 * The weights of a model, as stored (D hidden size).
 *
 * @param streams in the order of {@link ModelConfig#streams}
 * @param modalities in the order of {@link ModelConfig#modalities}
 * @param stacks in the order of {@link ModelConfig#stacks}
 * @param pooler [D, D], applied to the token at position 0 and followed by a tanh; or null
 * @param vectors in the order of {@link ModelConfig#vectors}
 */
public record ModelWeights(
        List<StreamWeights> streams,
        List<ModalityWeights> modalities,
        List<StackWeights> stacks,
        LinearWeights pooler,
        List<VectorWeights> vectors)
        implements Serializable {

    public ModelWeights {
        streams = List.copyOf(streams);
        modalities = List.copyOf(modalities);
        stacks = List.copyOf(stacks);
        vectors = List.copyOf(vectors);
    }

    /** The weights of a model of stacks, without vector steps. */
    public ModelWeights(
            List<StreamWeights> streams,
            List<ModalityWeights> modalities,
            List<StackWeights> stacks,
            LinearWeights pooler) {
        this(streams, modalities, stacks, pooler, List.of());
    }

    /** The weights of a model of one vector per modality, whose vectors enter unprojected. */
    static ModelWeights ofVectors(ModelConfig config, List<VectorWeights> vectors) {
        return new ModelWeights(
                Collections.nCopies(config.streams().size(), new StreamWeights(null, null, null)),
                Collections.nCopies(config.modalities().size(), ModalityWeights.of(null)),
                List.of(),
                null,
                vectors);
    }

    /** Every stored tensor, once even if several parts share it. */
    Stream<StoredTensor> tensors() {
        return Stream.of(
                        streams.stream().flatMap(StreamWeights::tensors),
                        modalities.stream().flatMap(ModalityWeights::tensors),
                        stacks.stream().flatMap(StackWeights::tensors),
                        Stream.ofNullable(pooler).flatMap(LinearWeights::tensors),
                        vectors.stream().flatMap(VectorWeights::tensors))
                .flatMap(tensors -> tensors)
                .distinct();
    }
}
