package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The page of failures quotes messages as the code and the launcher have them. */
class TroubleshootingTest {
    private static final Pattern MESSAGE = Pattern.compile("`((?:Cannot|Nothing|expected) [^`]*)`");

    @Test
    void everyMessageOnThePageIsInTheCode() throws IOException {
        String page = Files.readString(Path.of("src/docs/troubleshooting.md"));
        List<String> quoted = MESSAGE.matcher(page)
                .results()
                .map(MatchResult::group)
                .map(message -> message.substring(1, message.length() - 1).replace(" ...", ""))
                .toList();
        String code = code();

        assertThat(quoted)
                .hasSizeGreaterThan(10)
                .allSatisfy(message -> assertThat(code).contains(message));
    }

    /** All sources, with strings that go on in the next line put together. */
    private static String code() throws IOException {
        try (Stream<Path> files = Files.walk(Path.of("src/main/java"))) {
            String java = files.filter(file -> file.toString().endsWith(".java"))
                    .map(TroubleshootingTest::read)
                    .collect(Collectors.joining("\n"));
            return (java + read(Path.of("jobs/braid"))).replaceAll("\"\\s*\\+\\s*\"|\\\\\n", "");
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }
}
