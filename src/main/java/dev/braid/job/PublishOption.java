package dev.braid.job;

import dev.braid.publish.Publication;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;

/** The option {@code --publish}: how a finished table is published. */
final class PublishOption {
    @Option(
            names = "--publish",
            paramLabel = "HOW",
            converter = PublicationName.class,
            description = "How the finished table takes its place: rename (the whole directory at once), or manifest"
                    + " (its files are moved into the directory, and _manifest.json, which names them, is written last)."
                    + " Default: rename; in object stores, which have no such rename, manifest.")
    Publication publication;

    static final class PublicationName implements ITypeConverter<Publication> {
        @Override
        public Publication convert(String text) {
            return Choice.of(Publication.parse(text), Publication.values(), Publication::configName, text);
        }
    }
}
