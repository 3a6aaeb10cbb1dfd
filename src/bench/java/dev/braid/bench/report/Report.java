package dev.braid.bench.report;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Makes tables and a plot of what the parts of the benchmark wrote: {@code bench.md} and {@code bench.png} beside their
 * files.
 */
public final class Report {
    private final Map<Part, Results> parts = new EnumMap<>(Part.class);

    Report(List<Results> results) {
        for (Results part : results) {
            part.part().ifPresent(measured -> parts.put(measured, part));
        }
    }

    /** Takes the directory of the parts' files and, to publish, the root of the repository. */
    public static void main(String[] args) throws IOException {
        Path directory = Path.of(args[0]);
        Report report = new Report(Results.read(directory));
        Path table = directory.resolve("bench.md");
        Path plot = directory.resolve("bench.png");
        Files.writeString(table, report.all());
        System.out.println(report.all());
        try {
            report.draw(plot);
        } catch (InternalError e) {
            throw new IllegalStateException(
                    "Cannot draw " + plot + ": expected a font on this machine, got none; install fontconfig and"
                            + " fonts-dejavu-core",
                    e);
        }
        System.out.println("Written: " + table + ", " + plot);
        if (args.length > 1) {
            Path home = Path.of(args[1]);
            Readme.publish(home, report.summary(), table, plot);
        }
    }

    /** What the README shows: all but single kernels and the rivals' choices. */
    String summary() {
        return environments()
                + section(Part.ENCODER)
                + section(Part.SLOTS)
                + section(Part.LENGTHS)
                + section(Part.END_TO_END)
                + section(Part.VECTORS)
                + section(Part.ENDS);
    }

    /** Everything. */
    String all() {
        return summary() + section(Part.KERNEL) + variants();
    }

    private String section(Part part) {
        Results results = parts.get(part);
        if (results == null) {
            return "";
        }
        List<Measurement> measured = results.measurements();
        EncoderTable encoder = new EncoderTable(measured);
        String tables = switch (part) {
            case ENCODER -> encoder.rivals() + paragraph(encoder.forms());
            case KERNEL -> SmallTables.kernels(measured);
            case SLOTS -> SmallTables.slots(measured);
            case LENGTHS -> SmallTables.lengths(measured);
            case END_TO_END ->
                SmallTables.endToEnd(measured, measurements(Part.SLOTS))
                        + paragraph(SmallTables.jobSlots(results.slots()))
                        + paragraph(SmallTables.start(results.start()))
                        + paragraph(SmallTables.memory(results.memory()));
            case VECTORS -> SmallTables.endToEnd(measured, List.of());
            case ENDS -> SmallTables.ends(results.ends());
        };
        return "**" + part.title() + "**\n\n" + tables + "\n";
    }

    /** One line for each environment, with the parts that were measured in it where there are several. */
    private String environments() {
        Map<Environment, List<Part>> found = parts.keySet().stream()
                .collect(Collectors.groupingBy(
                        part -> parts.get(part).environment(), LinkedHashMap::new, Collectors.toList()));
        StringBuilder text = new StringBuilder();
        found.forEach((environment, measured) -> text.append(environment)
                .append(found.size() == 1 ? "" : " " + measured)
                .append(".\n"));
        return text.append("Medians of rounds in which all took turns, with the lowest and the highest.\n\n")
                .toString();
    }

    private List<Measurement> measurements(Part part) {
        return parts.containsKey(part) ? parts.get(part).measurements() : List.of();
    }

    private static String paragraph(String table) {
        return table.isEmpty() ? "" : "\n" + table;
    }

    private String variants() {
        String variants = new EncoderTable(measurements(Part.ENCODER)).variants();
        return variants.isEmpty() ? "" : "The rivals' choices, each the fastest in a trial:\n\n" + variants;
    }

    private void draw(Path file) throws IOException {
        Plot plot = new Plot();
        plot.encoder(new EncoderTable(measurements(Part.ENCODER)));
        plot.endToEnd(measurements(Part.END_TO_END));
        plot.save(file);
    }
}
