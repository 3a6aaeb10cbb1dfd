package dev.braid.checkpoint;

import com.esotericsoftware.kryo.DefaultSerializer;
import com.esotericsoftware.kryo.serializers.JavaSerializer;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * The weights of a model, as stored.
 *
 * @param projections [hidden size, feature size] each, in the order of {@link ModelConfig#modalities}; null where a
 *     modality enters the encoder as it is
 * @param layers first to last
 */
@DefaultSerializer(JavaSerializer.class)
public record ModelWeights(List<LinearWeights> projections, List<LayerWeights> layers) implements Serializable {

    public ModelWeights {
        projections = Collections.unmodifiableList(new ArrayList<>(projections));
        layers = List.copyOf(layers);
    }

    /** Every stored tensor, in the order of the data's way through the model. */
    Stream<StoredTensor> tensors() {
        return Stream.concat(
                projections.stream().filter(Objects::nonNull).flatMap(LinearWeights::tensors),
                layers.stream().flatMap(LayerWeights::tensors));
    }
}
