package dev.braid.checkpoint;

/**
 * A function of each number, such as the one between the Linears of a feed-forward. Its {@code configName} is the value
 * of {@code hidden_act}.
 */
public enum Activation {
    /** max(0, x). */
    RELU("relu"),
    /** x * (1 + erf(x / sqrt 2)) / 2, torch's default form. */
    GELU("gelu"),
    /** x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2, the tanh approximation. */
    GELU_NEW("gelu_new"),
    /** x / (1 + e^-x). */
    SILU("silu"),
    /** tanh(x). */
    TANH("tanh"),
    /** 1 / (1 + e^-x). */
    SIGMOID("sigmoid");

    private final String configName;

    Activation(String configName) {
        this.configName = configName;
    }

    public String configName() {
        return configName;
    }
}
