package dev.braid.tensor;

/**
 * A function that is applied to each number, such as the one between the Linears of a feed-forward. Its {@code
 * configName} is the value of {@code hidden_act}.
 */
public enum Activation {
    /** {@code max(x, 0)}. */
    RELU("relu"),
    /** {@code x / 2 * (1 + erf(x / sqrt 2))}, torch's default form: Hendrycks and Gimpel 2016 (arXiv 1606.08415). */
    GELU("gelu"),
    /**
     * {@code x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))}, the tanh approximation of GELU from the same
     * paper.
     */
    GELU_TANH("gelu_new"),
    /** {@code x / (1 + exp(-x))}, also called Swish: Hendrycks and Gimpel 2016, section 2. */
    SILU("silu"),
    /** {@code tanh(x)}. */
    TANH("tanh"),
    /** {@code 1 / (1 + exp(-x))}, the logistic function. */
    SIGMOID("sigmoid");

    private final String configName;

    Activation(String configName) {
        this.configName = configName;
    }

    public String configName() {
        return configName;
    }
}
