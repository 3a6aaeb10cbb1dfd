package dev.braid.checkpoint;

/**
 * The position embeddings that are added to tokens; its {@code configName} is the value of {@code position_embeddings}.
 * Sinusoids are those of Vaswani et al. 2017 (arXiv 1706.03762), section 3.5.
 */
public enum PositionEmbeddings {
    /** Nothing. */
    NONE("false"),
    /** A learned embedding per position within the modality, for all modalities or for those in a list. */
    LEARNED("true"),
    /** A learned embedding per position in the row's concatenated tokens. */
    CONCATENATED("concatenated"),
    /** Sinusoids of the position within the modality. */
    SINUSOIDAL("sinusoidal"),
    /** Sinusoids of the position in the row's concatenated tokens. */
    SINUSOIDAL_CONCATENATED("sinusoidal_concatenated");

    private final String configName;

    PositionEmbeddings(String configName) {
        this.configName = configName;
    }

    public String configName() {
        return configName;
    }

    /** Whether they are computed, not learned. */
    public boolean areSinusoids() {
        return this == SINUSOIDAL || this == SINUSOIDAL_CONCATENATED;
    }

    /** Whether the position is the one in the row's concatenated tokens. */
    public boolean areOfRow() {
        return this == CONCATENATED || this == SINUSOIDAL_CONCATENATED;
    }
}
