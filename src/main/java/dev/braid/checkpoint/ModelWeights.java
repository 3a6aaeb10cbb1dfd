package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;
import java.util.List;
import java.util.stream.Stream;

/**
 * The weights of a model, as stored (D hidden size).
 *
 * @param clsToken D elements of any rank: the token before a row's own, or null
 * @param modalities in the order of {@link ModelConfig#modalities}
 * @param embeddingNorm over every token, CLS too, before the first layer, or null
 * @param layers first to last
 * @param finalNorm over every token behind the last layer, or null
 * @param pooler [D, D], on the token at position 0 and before a tanh, or null
 */
@DefaultSerializer(JavaSerializer.class)
public record ModelWeights(
        StoredTensor clsToken,
        List<ModalityWeights> modalities,
        NormWeights embeddingNorm,
        List<LayerWeights> layers,
        NormWeights finalNorm,
        LinearWeights pooler)
        implements Serializable {

    public ModelWeights {
        modalities = List.copyOf(modalities);
        layers = List.copyOf(layers);
    }

    /** Every stored tensor, in the order of the data's way through the model. */
    Stream<StoredTensor> tensors() {
        return Stream.of(
                        Stream.ofNullable(clsToken),
                        modalities.stream().flatMap(ModalityWeights::tensors),
                        Stream.ofNullable(embeddingNorm).flatMap(NormWeights::tensors),
                        layers.stream().flatMap(LayerWeights::tensors),
                        Stream.ofNullable(finalNorm).flatMap(NormWeights::tensors),
                        Stream.ofNullable(pooler).flatMap(LinearWeights::tensors))
                .flatMap(tensors -> tensors);
    }
}
