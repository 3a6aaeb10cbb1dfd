package dev.braid.checkpoint;

/**
 * What tells a token its position by being added to it; its {@code configName} is the value of {@code position_embeddings}.
 * Sinusoids are those of Vaswani et al. 2017 (arXiv 1706.03762), section 3.5.
 */
public enum PositionEmbeddings {
    /** Nothing. */
    NONE("false"),
    /** A learned row per position in the modality, of all modalities or of those that a list names. */
    LEARNED("true"),
    /** A learned row per position in the row's concatenated tokens. */
    CONCATENATED("concatenated"),
    /** Sinusoids of the position in the modality. */
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
