package dev.braid.bench;

import dev.braid.checkpoint.AttentionWeights;
import dev.braid.checkpoint.LayerWeights;
import dev.braid.checkpoint.LinearWeights;
import dev.braid.checkpoint.StoredTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.stream.Stream;

/** Weights of a checkpoint as the other libraries take them. */
final class StoredFloats {
    private StoredFloats() {}

    /** All elements of the tensors, one behind the other, off-heap. */
    static FloatBuffer of(StoredTensor... tensors) {
        long elements = 0;
        for (StoredTensor tensor : tensors) {
            elements += tensor.shape().elements();
        }
        FloatBuffer floats = ByteBuffer.allocateDirect(Math.toIntExact(elements * Float.BYTES))
                .order(ByteOrder.nativeOrder())
                .asFloatBuffer();
        for (StoredTensor tensor : tensors) {
            tensor.copyTo(floats);
        }
        return floats.flip();
    }

    /** The weights of query, key and value: [3 hidden size, hidden size]. */
    static FloatBuffer queryKeyValueWeight(LayerWeights layer) {
        return of(queryKeyValue(layer).map(LinearWeights::weight).toArray(StoredTensor[]::new));
    }

    /** The biases of query, key and value: [3 hidden size]. */
    static FloatBuffer queryKeyValueBias(LayerWeights layer) {
        return of(queryKeyValue(layer).map(LinearWeights::bias).toArray(StoredTensor[]::new));
    }

    private static Stream<LinearWeights> queryKeyValue(LayerWeights layer) {
        AttentionWeights attention = layer.attentions().get(0);
        return Stream.of(attention.query(), attention.key(), attention.value());
    }
}
