package dev.braid.model;

import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Fused rows as arrays of ND4J's, float32 (D hidden size): fresh ones, which stay when the model is closed.
 *
 * @param pooled [rows, D], a vector per row, or null where the model does not pool
 * @param tokens per row its fused tokens [tokens, D]: CLS where the model has one, then each modality in the model's order
 */
public record FusedArrays(INDArray pooled, List<INDArray> tokens) {

    public FusedArrays {
        tokens = List.copyOf(tokens);
    }
}
