package dev.braid.job;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** One {@code MODALITY=VALUE} of an option that can be given once per modality. */
record Assignment(String modality, String value) {

    /**
     * The values by modality, in the order given.
     *
     * @throws UsageException if a modality is named twice
     */
    static Map<String, String> byModality(String option, List<Assignment> assignments) {
        Map<String, String> values = new LinkedHashMap<>();
        for (Assignment assignment : assignments) {
            String before = values.put(assignment.modality(), assignment.value());
            if (before != null) {
                throw new UsageException("Cannot parse option '" + option + "': expected modality '"
                        + assignment.modality() + "' once, got '" + before + "' and '" + assignment.value() + "'");
            }
        }
        return values;
    }

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
