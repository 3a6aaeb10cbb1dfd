package dev.braid.model;

import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Fused rows as new ND4J arrays of float32, which stay valid after the model is closed (D hidden size).
 *
 * @param pooled [rows, D], a vector per row, or null if the model does not pool
 * @param tokens for each row its fused tokens [tokens, D] in the model's token order, CLS first if the model has one
 */
public record FusedArrays(INDArray pooled, List<INDArray> tokens) {

    public FusedArrays {
        tokens = List.copyOf(tokens);
    }
}
