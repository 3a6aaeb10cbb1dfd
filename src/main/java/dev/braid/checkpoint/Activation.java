package dev.braid.checkpoint;

/** The activation between the two Linears of a feed-forward; its {@code configName} is the value of {@code hidden_act}. */
public enum Activation {
    /** max(0, x). */
    RELU("relu"),
    /** x * (1 + erf(x / sqrt 2)) / 2, torch's default form, neither the tanh nor the sigmoid approximation. */
    GELU("gelu");

    private final String configName;

    Activation(String configName) {
        this.configName = configName;
    }

    public String configName() {
        return configName;
    }
}
