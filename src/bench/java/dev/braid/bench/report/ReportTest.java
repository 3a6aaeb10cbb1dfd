package dev.braid.bench.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReportTest {
    private static final Environment HERE =
            new Environment("2026-01-01", "a processor", 2, "17", Map.of("oneDNN", "3.11"), "abc");

    /** 100 rows of 1,000 flops. */
    private static Measurement measured(Part part, String text, String form, String contender, Double... seconds) {
        return new Measurement(
                part.toString(), "(ii)", text, form, contender, "", 100, 8100, 100_000, List.of(seconds));
    }

    private static Measurement encoder(String text, String form, String contender, Double... seconds) {
        return measured(Part.ENCODER, text, form, contender, seconds);
    }

    @Test
    void braidIsComparedWithTheFasterRivalInEachOrderOfRows() {
        String report = report(
                encoder("ragged", Measurement.PACKED, Measurement.BRAID, 1.0, 2.0),
                encoder("ragged", Measurement.ARRIVAL, Measurement.LIBTORCH, 2.0, 4.0),
                encoder("ragged", Measurement.SORTED, Measurement.LIBTORCH, 1.5, 3.0),
                encoder("ragged", Measurement.ARRIVAL, Measurement.ONNX_RUNTIME, 3.0, 6.0),
                encoder("ragged", Measurement.SORTED, Measurement.ONNX_RUNTIME, 1.2, 2.4),
                encoder("ragged", "", Measurement.MATMUL, 0.9, 1.8));
        assertThat(report).contains("a processor, 2 cores; JDK 17, oneDNN 3.11; 2026-01-01; revision abc.");
        assertThat(line(report, "in arrival order"))
                .contains("| 75.0 (50.0–100.0) | 37.5 (25.0–50.0) | 25.0 (16.7–33.3) | 2.00 (2.00–2.00) |")
                .contains("| 90 % | 45 % |");
        assertThat(line(report, "sorted by length"))
                .contains("| 1.20 (1.20–1.20) |")
                .contains("| 90 % | 75 % |");
    }

    @Test
    void anotherFormOfBraidIsComparedWithBraidAndOnnxRuntime() {
        String report = report(
                encoder("dense", Measurement.PACKED, Measurement.BRAID, 1.0),
                encoder("dense", Measurement.PACKED, Measurement.BRAID_ON_ND4J, 4.0),
                encoder("dense", "", Measurement.ONNX_RUNTIME, 2.0));
        assertThat(line(report, Measurement.BRAID_ON_ND4J))
                .contains("| 25.0 (25.0–25.0) | 0.25 (0.25–0.25) | 0.50 (0.50–0.50) |");
    }

    @Test
    void twoSlotsAreComparedWithOneOfTheSameContender() {
        String report = report(
                measured(Part.SLOTS, "dense", Measurement.ONE_SLOT, Measurement.BRAID, 1.0),
                measured(Part.SLOTS, "dense", Measurement.TWO_SLOTS, Measurement.BRAID, 0.5),
                measured(Part.SLOTS, "dense", Measurement.ONE_SLOT, Measurement.LIBTORCH, 1.0),
                measured(Part.SLOTS, "dense", Measurement.TWO_SLOTS, Measurement.LIBTORCH, 1.0));
        assertThat(line(report, Measurement.BRAID)).contains("| 100 (100–100) | 200 (200–200) | 2.00 (2.00–2.00) |");
        assertThat(line(report, Measurement.LIBTORCH)).contains("| 1.00 (1.00–1.00) |");
    }

    @Test
    void resultsSurviveTheirFilesAndMayBeBareLists(@TempDir Path directory) throws IOException {
        Results written = new Results(HERE, List.of(encoder("dense", Measurement.PACKED, Measurement.BRAID, 1.0, 0.1)));
        written.write(directory, Part.ENCODER);
        Files.writeString(directory.resolve("end-to-end.json"), """
                [{"part": "end-to-end", "form": "flat", "text": "dense", "contender": "Braid", "rows": 8000,
                  "seconds": [20, 40], "rows_per_second": 300}]""");
        List<Results> read = Results.read(directory);
        assertThat(read.get(0)).isEqualTo(written);
        assertThat(read.get(1).measurements().get(0).rowRates()).containsExactly(400.0, 200.0);
    }

    @Test
    void theReadmeIsReplacedBetweenItsMarksAlone() {
        String readme = "before\n" + Readme.BEGIN + "old\n" + Readme.END + "after\n";
        assertThat(Readme.replaced(readme, "new\n"))
                .startsWith("before\n" + Readme.BEGIN)
                .endsWith("new\n" + Readme.END + "after\n")
                .doesNotContain("old");
        assertThatThrownBy(() -> Readme.replaced("no marks", "new")).hasMessageContaining(Readme.END.trim());
    }

    @Test
    void versionsAreThoseOfTheNativeLibraries() {
        assertThat(Environment.versions("/m2/dnnl-3.11-1.5.13-linux-x86_64.jar:/m2/nd4j-native-1.0.0-M2.1.jar"))
                .isEqualTo(Map.of("oneDNN", "3.11", "ND4J", "1.0.0-M2.1"));
    }

    private static String report(Measurement... measurements) {
        return new Report(List.of(new Results(HERE, List.of(measurements)))).all();
    }

    private static String line(String report, String text) {
        return report.lines()
                .filter(line -> line.matches(".*[|,] " + text + " [|].*"))
                .findFirst()
                .orElseThrow();
    }
}
