package dev.braid.checkpoint;

/** The kind of every norm of a model; its {@code configName} is the value of {@code norm_type}. */
public enum NormType {
    /** Subtracts the mean; has a weight and a bias: Ba, Kiros and Hinton 2016 (arXiv 1607.06450). */
    LAYER_NORM("layer_norm"),
    /** Does not subtract the mean; has a weight only: Zhang and Sennrich 2019 (arXiv 1910.07467). */
    RMS_NORM("rms_norm");

    private final String configName;

    NormType(String configName) {
        this.configName = configName;
    }

    public String configName() {
        return configName;
    }
}
