package dev.braid.checkpoint;

import dev.braid.tensor.Activation;
import java.io.Serializable;
import java.util.List;

/**
 * One step of a model of one vector per modality: it computes a new vector for each row from earlier ones.
 *
 * @param kind what it computes
 * @param name the name by which later steps read its vector
 * @param inputs the vectors that it reads: m for modality m, and M + s for step s, where M is the number of modalities
 * @param size the size of its vector
 * @param function the function of an {@link Kind#ACTIVATION}, else null
 * @param norm the type of a {@link Kind#NORM}, else null
 * @param epsilon the epsilon of a {@link Kind#NORM} or {@link Kind#BATCH_NORM}, else 0
 */
public record VectorStep(
        Kind kind, String name, List<Integer> inputs, int size, Activation function, NormType norm, float epsilon)
        implements Serializable {

    /** What a step computes; its {@code configName} is the value of {@code kind}. */
    public enum Kind {
        /** x W^T + b: {@code torch.nn.Linear}. */
        LINEAR("linear", 1, 1),
        /** x1^T W[n] x2 + b[n]: {@code torch.nn.Bilinear}. */
        BILINEAR("bilinear", 2, 2),
        /** A function of each number. */
        ACTIVATION("activation", 1, 1),
        /** {@code torch.nn.LayerNorm} or an RMSNorm. */
        NORM("norm", 1, 1),
        /** {@code torch.nn.BatchNorm1d} in evaluation mode: Ioffe and Szegedy 2015 (arXiv 1502.03167), algorithm 2. */
        BATCH_NORM("batch_norm", 1, 1),
        /** One vector after another. */
        CONCAT("concat", 2, Integer.MAX_VALUE),
        /** The sum, number by number. */
        SUM("sum", 2, Integer.MAX_VALUE),
        /** The product, number by number. */
        PRODUCT("product", 2, Integer.MAX_VALUE),
        /** g a + (1 - g) b, number by number; the gate g is its third input. */
        GATE("gate", 2, 2),
        /** exp(x[i]) / sum of exp(x[j]): positive numbers whose sum is 1. */
        SOFTMAX("softmax", 1, 1),
        /** w[0] a + w[1] b + ...: the weights w, a number for each vector, are its last input. */
        WEIGHTED_SUM("weighted_sum", 2, Integer.MAX_VALUE);

        private final String configName;
        private final int fewest;
        private final int most;

        Kind(String configName, int fewest, int most) {
            this.configName = configName;
            this.fewest = fewest;
            this.most = most;
        }

        public String configName() {
            return configName;
        }

        /** The fewest vectors that {@code of} names. */
        int fewest() {
            return fewest;
        }

        /** The most vectors that {@code of} names. */
        int most() {
            return most;
        }

        /** Whether such a step has tensors in the state dict. */
        boolean hasTensors() {
            return this == LINEAR || this == BILINEAR || this == NORM || this == BATCH_NORM;
        }
    }

    public VectorStep {
        inputs = List.copyOf(inputs);
    }

    /** Multiply-adds of matrix products for one row, given the sizes of its inputs; 0 for a step without any. */
    public long multiplyAdds(List<Integer> inputSizes) {
        return switch (kind) {
            case LINEAR -> (long) inputSizes.get(0) * size;
            case BILINEAR -> (inputSizes.get(1) + 1L) * inputSizes.get(0) * size;
            default -> 0;
        };
    }
}
