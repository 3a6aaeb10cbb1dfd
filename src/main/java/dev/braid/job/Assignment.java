package dev.braid.job;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** One {@code MODALITY=VALUE} of an option that is given once per modality. */
record Assignment(String modality, String value) {

    static final class Converter implements ITypeConverter<Assignment> {
        @Override
        public Assignment convert(String text) {
            int equals = text.indexOf('=');
            if (equals < 1 || equals == text.length() - 1) {
                throw new TypeConversionException("expected MODALITY=VALUE, got '" + text + "'");
            }
            return new Assignment(
                    text.substring(0, equals).strip(),
                    text.substring(equals + 1).strip());
        }
    }

    @Override
    public String toString() {
        return modality + "=" + value;
    }
}
