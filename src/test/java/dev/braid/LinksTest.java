package dev.braid;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** The pages name files and headings that are there, and each page can be found from the README. */
class LinksTest {
    private static final Path README = Path.of("README.md");
    private static final Path PAGES = Path.of("src/docs");
    private static final Pattern LINK = Pattern.compile("]\\((?!https?:)([^)#\\s]*)(?:#([^)\\s]*))?\\)");
    private static final Pattern CODE = Pattern.compile("(?ms)^```.*?^```$|^    .*?$");
    private static final Pattern HEADING = Pattern.compile("(?m)^#+ (.*)$");

    @TestFactory
    Stream<DynamicTest> theLinksOf() throws IOException {
        return Stream.concat(Stream.of(README), pages().stream())
                .map(page -> DynamicTest.dynamicTest(
                        page.toString(),
                        () -> assertThat(links(page)).allSatisfy(link -> {
                            assertThat(link.file()).exists();
                            assertThat(link.heading().isEmpty() ? List.of("") : headings(link.file()))
                                    .contains(link.heading());
                        })));
    }

    @TestFactory
    Stream<DynamicTest> theReadmeNames() throws IOException {
        List<Path> named = links(README).stream().map(Link::file).toList();
        return pages().stream()
                .map(page -> DynamicTest.dynamicTest(
                        page.toString(), () -> assertThat(named).contains(page)));
    }

    private record Link(Path file, String heading) {}

    private static List<Link> links(Path page) throws IOException {
        Path directory = page.resolveSibling("");
        return LINK.matcher(prose(page))
                .results()
                .map(found -> new Link(
                        found.group(1).isEmpty()
                                ? page
                                : directory.resolve(found.group(1)).normalize(),
                        found.group(2) == null ? "" : found.group(2)))
                .toList();
    }

    /** Headings as the links to them spell them. */
    private static List<String> headings(Path page) throws IOException {
        return HEADING.matcher(prose(page))
                .results()
                .map(found -> found.group(1)
                        .toLowerCase(Locale.ROOT)
                        .replaceAll("[^\\p{L}\\p{N}_ -]", "")
                        .replace(' ', '-'))
                .toList();
    }

    private static String prose(Path page) throws IOException {
        return CODE.matcher(Files.readString(page)).replaceAll("");
    }

    private static List<Path> pages() throws IOException {
        try (Stream<Path> files = Files.list(PAGES)) {
            return files.filter(file -> file.toString().endsWith(".md")).toList();
        }
    }
}
