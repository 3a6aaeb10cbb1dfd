package dev.braid.bench.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
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
    void endToEndIsComparedWithEachRivalAndWithTheEncoderAloneInTwoSlots() {
        String report = report(
                measured(Part.SLOTS, "dense", Measurement.TWO_SLOTS, Measurement.BRAID, 1.0),
                measured(Part.END_TO_END, "dense", "flat", Measurement.BRAID, 2.0),
                measured(Part.END_TO_END, "dense", "flat", "a good job", 4.0),
                measured(Part.END_TO_END, "dense", "flat", "the best job", 3.0));
        assertThat(line(report, "flat")).contains("| 2.00 (2.00–2.00) | 1.50 (1.50–1.50) | 50 % |");
    }

    @Test
    void resultsSurviveTheirFiles(@TempDir Path directory) throws IOException {
        Results written = new Results(HERE, List.of(encoder("dense", Measurement.PACKED, Measurement.BRAID, 1.0, 0.1)));
        written.write(directory, Part.ENCODER);
        assertThat(Results.read(directory)).containsExactly(written);
    }

    @Test
    void whatPythonMeasuredIsReadAndShown(@TempDir Path directory) throws IOException {
        Files.writeString(directory.resolve("end-to-end.json"), """
                {"environment": {"date": "2026-01-01", "processor": "p", "cores": 2, "java": "17",
                                 "libraries": {"Python": "3.11"}, "revision": ""},
                 "measurements": [{"part": "end-to-end", "shape": "(ii)", "form": "flat", "text": "dense",
                                   "contender": "Braid", "variant": "", "rows": 8000, "tokens": 1, "seconds": [20, 40],
                                   "rows_per_second": 300}],
                 "slots": [{"slots": 2, "rows": 8000, "seconds": [20], "process_seconds": [30]}],
                 "start": [{"demo_seconds": [5, 6, 7], "task_rows": 10, "task_seconds": [0.012, 0.014]}],
                 "memory": [{"rows": 10000, "peak_bytes": 2097152}]}""");
        assertThat(new Report(Results.read(directory)).all())
                .contains("Python 3.11")
                .contains("| flat | dense | 300 (200–400) |  |")
                .contains("| 2 | 400 (400–400) |")
                .contains("its end, s | 6.00 (5.00–7.00) |")
                .contains("a task of 10 rows, beyond its rows, ms | 13.0 (12.0–14.0) |")
                .contains("| 10,000 | 2 |");
    }

    @Test
    void theEndsAreComparedWithPyArrowRoundByRound(@TempDir Path directory) throws IOException {
        Files.writeString(directory.resolve("ends.json"), """
                {"environment": {"date": "2026-01-01", "processor": "p", "cores": 2, "java": "17", "libraries": {},
                                 "revision": ""},
                 "ends": [{"end": "write", "form": "pooled, array", "rows": 1000, "numbers": 256000,
                           "braid_seconds": [0.02, 0.08], "pyarrow_seconds": [0.01, 0.02]}]}""");
        assertThat(new Report(Results.read(directory)).all())
                .contains("**" + Part.ENDS.title() + "**")
                .contains(
                        "| write | pooled, array | 50.0 (20.0–80.0) | 15.0 (10.0–20.0) | 195 (78–313) | 3.00 (2.00–4.00) |");
    }

    @Test
    void rowsOfOneVectorHaveATableOfTheirOwn() {
        assertThat(report(
                        measured(Part.VECTORS, "dense", "flat", Measurement.BRAID, 1.0),
                        measured(Part.VECTORS, "dense", "flat", "a good job", 1.7)))
                .contains("**" + Part.VECTORS.title() + "**")
                .contains("| 1.70 (1.70–1.70) |");
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
        List<Results> parts = Arrays.stream(measurements)
                .collect(Collectors.groupingBy(Measurement::part, LinkedHashMap::new, Collectors.toList()))
                .values()
                .stream()
                .map(part -> new Results(HERE, part))
                .toList();
        return new Report(parts).all();
    }

    private static String line(String report, String text) {
        return report.lines()
                .filter(line -> line.matches(".*[|,] " + text + " [|].*"))
                .findFirst()
                .orElseThrow();
    }
}
