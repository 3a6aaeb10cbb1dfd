package dev.braid.job;

import dev.braid.tensor.Precision;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;

/** The option {@code --precision}. */
final class PrecisionOption {
    @Option(
            names = "--precision",
            paramLabel = "P",
            converter = Name.class,
            defaultValue = "fp32",
            description =
                    "fp32; bf16: linear maps and attention multiply bfloat16 numbers, which is faster with AVX512-BF16"
                            + " or AMX; int8: linear maps multiply 8-bit integers, faster with AVX512-VNNI and less precise."
                            + " bf16 and int8 are refused on other processors. Default: ${DEFAULT-VALUE}.")
    Precision precision;

    static final class Name implements ITypeConverter<Precision> {
        @Override
        public Precision convert(String text) {
            return Choice.of(Precision.parse(text.strip()), Precision.values(), Precision::configName, text);
        }
    }
}
