package dev.braid.bench.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/** The README's place for results: between two marks, with the plot and the whole report in {@code src/bench/results}. */
final class Readme {
    static final String BEGIN = "<!-- jobs/bench.sh writes from here -->\n";
    static final String END = "<!-- to here -->\n";

    private Readme() {}

    /** Replaces what the README shows, and the files that it links to. */
    static void publish(Path home, String summary, Path table, Path plot) throws IOException {
        Path results = Files.createDirectories(home.resolve("src/bench/results"));
        Files.copy(table, results.resolve("bench.md"), StandardCopyOption.REPLACE_EXISTING);
        Files.copy(plot, results.resolve("bench.png"), StandardCopyOption.REPLACE_EXISTING);
        Path readme = home.resolve("README.md");
        Files.writeString(readme, replaced(Files.readString(readme), summary));
    }

    /**
     * The text with everything between the marks replaced.
     *
     * @throws IllegalStateException if a mark is missing
     */
    static String replaced(String readme, String summary) {
        int begin = readme.indexOf(BEGIN);
        int end = readme.indexOf(END);
        if (begin < 0 || end < begin) {
            throw new IllegalStateException("Cannot publish results: expected the lines '" + BEGIN.trim() + "' and '"
                    + END.trim() + "' in README.md, got none");
        }
        return readme.substring(0, begin + BEGIN.length())
                + "![Rows per second and share of peak](src/bench/results/bench.png)\n\n"
                + summary
                + readme.substring(end);
    }
}
