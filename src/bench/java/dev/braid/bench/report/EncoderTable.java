package dev.braid.bench.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/** The encoder alone: Braid next to its rivals, each with the order of rows that a line names. */
final class EncoderTable {
    private static final List<String> RIVALS = List.of(Measurement.LIBTORCH, Measurement.ONNX_RUNTIME);

    private final List<Measurement> measurements;

    EncoderTable(List<Measurement> measurements) {
        this.measurements = measurements;
    }

    /** One line of the table: a shape, a length of texts, and how the rivals' rows come. */
    record Work(String shape, String text, String form) {
        /** As a reader names it. */
        String label() {
            return form.isEmpty() ? text : text + ", " + form;
        }
    }

    /** Every line there is: dense rows, and ragged ones in each of the rivals' forms. */
    Set<Work> works() {
        Set<Work> works = new LinkedHashSet<>();
        for (Measurement measured : measurements) {
            if (RIVALS.contains(measured.contender())) {
                works.add(new Work(measured.shape(), measured.text(), measured.form()));
            }
        }
        return works;
    }

    /** What a contender took for a line's work; Braid has one form for all of them. */
    Optional<Measurement> find(Work work, String contender) {
        return measurements.stream()
                .filter(measured -> measured.shape().equals(work.shape())
                        && measured.text().equals(work.text())
                        && measured.contender().equals(contender)
                        && (!RIVALS.contains(contender) || measured.form().equals(work.form())))
                .findFirst();
    }

    /** The rival with the most rows per second. */
    Optional<Measurement> better(Work work) {
        return RIVALS.stream()
                .flatMap(rival -> find(work, rival).stream())
                .max(Comparator.comparing(rival -> Spread.of(rival.rowRates()).median()));
    }

    /** A contender's rate as a share of what the bare matrix products reached in the same rounds. */
    Optional<Spread> share(Work work, Optional<Measurement> contender) {
        return contender.flatMap(measured -> find(work, Measurement.MATMUL)
                .map(matmul -> Spread.ofRatios(measured.flopRates(), matmul.flopRates())));
    }

    /** Rows per second. */
    String rivals() {
        MarkdownTable table = new MarkdownTable(List.of(
                "shape",
                "text; rivals' rows",
                "Braid",
                Measurement.LIBTORCH,
                Measurement.ONNX_RUNTIME,
                "Braid / better rival",
                "peak, GFLOP/s",
                "share: Braid",
                "better rival"));
        for (Work work : works()) {
            Optional<Measurement> braid = find(work, Measurement.BRAID);
            Optional<Measurement> better = better(work);
            List<String> cells = new ArrayList<>(List.of(work.shape(), work.label()));
            Stream.of(braid, find(work, Measurement.LIBTORCH), find(work, Measurement.ONNX_RUNTIME))
                    .forEach(measured -> cells.add(rows(measured)));
            cells.add(
                    braid.isPresent() && better.isPresent()
                            ? Spread.ofRatios(
                                            braid.get().rowRates(), better.get().rowRates())
                                    .toString()
                            : "");
            cells.add(find(work, Measurement.MATMUL)
                    .map(matmul -> Spread.of(matmul.flopRates()).times(1e-9).toString())
                    .orElse(""));
            cells.add(percent(share(work, braid)));
            cells.add(percent(share(work, better)));
            table.add(cells);
        }
        return table.toString();
    }

    /** Braid's other forms: rows per second, and next to float32 on oneDNN and to ONNX Runtime's better order. */
    String forms() {
        MarkdownTable table = new MarkdownTable(
                List.of("shape", "text", "form", "rows/s", "/ Braid", "/ " + Measurement.ONNX_RUNTIME));
        for (Measurement form : measurements) {
            if (Stream.concat(RIVALS.stream(), Stream.of(Measurement.BRAID, Measurement.MATMUL))
                    .anyMatch(form.contender()::equals)) {
                continue;
            }
            Optional<Measurement> onnxRuntime = works().stream()
                    .filter(work ->
                            work.shape().equals(form.shape()) && work.text().equals(form.text()))
                    .flatMap(work -> find(work, Measurement.ONNX_RUNTIME).stream())
                    .max(Comparator.comparing(
                            measured -> Spread.of(measured.rowRates()).median()));
            Work own = new Work(form.shape(), form.text(), form.form());
            table.add(List.of(
                    form.shape(),
                    form.text(),
                    form.contender(),
                    rows(Optional.of(form)),
                    ratio(form, find(own, Measurement.BRAID)),
                    ratio(form, onnxRuntime)));
        }
        return table.toString();
    }

    private static String ratio(Measurement measured, Optional<Measurement> other) {
        return other.map(found ->
                        Spread.ofRatios(measured.rowRates(), found.rowRates()).toString())
                .orElse("");
    }

    private static String rows(Optional<Measurement> measured) {
        return measured.map(found -> Spread.of(found.rowRates()).toString()).orElse("");
    }

    private static String percent(Optional<Spread> share) {
        return share.map(found -> Math.round(100 * found.median()) + " %").orElse("");
    }

    /** What each rival chose, one line per choice. */
    String variants() {
        StringBuilder text = new StringBuilder();
        for (Work work : works()) {
            for (String rival : RIVALS) {
                find(work, rival)
                        .ifPresent(measured -> text.append("- ")
                                .append(work.shape())
                                .append(' ')
                                .append(work.label())
                                .append(": ")
                                .append(rival)
                                .append(" with ")
                                .append(measured.variant())
                                .append('\n'));
            }
        }
        return text.toString();
    }
}
