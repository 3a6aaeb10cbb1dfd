package dev.braid.job;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** The file of the run report. */
final class ReportOption {
    @Option(
            names = "--report",
            paramLabel = "FILE",
            converter = HtmlFile.class,
            description =
                    "Also write what the run did as one HTML page with charts to this file (.html), on any file"
                            + " system; an older page there is replaced. A run with nothing to do writes none. Default: no page.")
    String file;

    static final class HtmlFile implements ITypeConverter<String> {
        @Override
        public String convert(String text) {
            if (!text.isBlank() && !text.endsWith(".html")) {
                throw new TypeConversionException("expected a file whose name ends in .html, got '" + text + "'");
            }
            return text;
        }
    }
}
