package dev.braid.kernel;

/** A function that kernels apply to each number: to the outputs of a linear map, or to a whole matrix. */
public enum Activation {
    /** {@code x}. */
    NONE,
    /** {@code max(x, 0)}. */
    RELU,
    /** {@code x / 2 * (1 + erf(x / sqrt 2))}, Hendrycks and Gimpel 2016 (arXiv 1606.08415). */
    GELU,
    /**
     * {@code x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))}, the tanh approximation of GELU from the same
     * paper.
     */
    GELU_TANH,
    /** {@code x / (1 + exp(-x))}, also called Swish: Hendrycks and Gimpel 2016, section 2. */
    SILU,
    /** {@code tanh(x)}. */
    TANH,
    /** {@code 1 / (1 + exp(-x))}, the logistic function. */
    SIGMOID
}
