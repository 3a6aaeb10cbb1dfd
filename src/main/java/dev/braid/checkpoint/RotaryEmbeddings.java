package dev.braid.checkpoint;

import java.io.Serializable;

/**
 * How queries and keys are rotated by their position in the row: pair i of a head by {@code position * theta^(-2i /
 * headSize)}. Su et al. 2021 (arXiv 2104.09864), equation 34.
 *
 * @param pairs which two numbers of a head are a pair
 * @param theta {@code rope_theta}
 */
public record RotaryEmbeddings(Pairs pairs, float theta) implements Serializable {
    /** The default of {@code rope_theta}. */
    static final float USUAL_THETA = 10_000;

    /** The pairs of a head; their {@code configName} is the value of {@code rotary_embeddings}. */
    public enum Pairs {
        /** Number i of the first half and number i of the second half, as in Llama and GPT-NeoX. */
        HALF("half"),
        /** Numbers 2i and 2i + 1, as in RoFormer and GPT-J. */
        INTERLEAVED("interleaved");

        private final String configName;

        Pairs(String configName) {
            this.configName = configName;
        }

        public String configName() {
            return configName;
        }
    }
}
