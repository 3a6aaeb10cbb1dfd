package dev.braid.job;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The largest error allowed between a model's numbers and PyTorch's. */
final class ToleranceOption {
    @Option(
            names = "--tolerance",
            paramLabel = "T",
            converter = Positive.class,
            defaultValue = "1e-4",
            description =
                    "How far a number may be from the one in golden.safetensors in fp32, relative to the root mean square of its"
                            + " vector. In every precision each pooled vector (each token where the model does not pool) also"
                            + " needs a cosine of at least 0.999 with PyTorch's, in int8 of 0.99. Default: ${DEFAULT-VALUE}.")
    double tolerance;

    static final class Positive implements ITypeConverter<Double> {
        @Override
        public Double convert(String text) {
            try {
                double number = Double.parseDouble(text.strip());
                if (number > 0 && Double.isFinite(number)) {
                    return number;
                }
            } catch (NumberFormatException e) {
                // reported below in the form of Braid's messages
            }
            throw new TypeConversionException("expected a positive number, got '" + text + "'");
        }
    }
}
