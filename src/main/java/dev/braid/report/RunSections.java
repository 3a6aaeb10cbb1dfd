package dev.braid.report;

import dev.braid.Numbers;
import dev.braid.publish.InputFile;
import dev.braid.publish.Manifest;
import dev.braid.report.RunFacts.Setting;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.stream.Collectors;

/** The sections about the run as a whole: its summary, its audit and its settings. */
record RunSections(RunFacts facts) {

    /** What the run did, with which input and model, and how it ended. */
    void summary(BiFunction<String, String, Section> begin) {
        Section section = begin.apply("summary", "Summary");
        RunFacts.Work work = facts.work();
        double seconds = facts.seconds();
        Html tiles = section.html().add("div").with("class", "tiles");
        tile(tiles, "rows fused", Format.large(work.rows()));
        tile(tiles, "tokens", Format.large(work.tokens()));
        tile(tiles, "tokens/s, whole run", Format.large(Math.round(work.tokens() / seconds)));
        tile(tiles, "GFLOP/s, whole run", Format.decimal(2.0 * work.multiplyAdds() / seconds / 1e9));
        tile(
                tiles,
                "rows set aside",
                facts.manifest()
                        .map(done -> Numbers.count(done.quarantinedRows()))
                        .orElse("–"));
        if (work.finishedRows() > 0) {
            tile(tiles, "rows resumed", Numbers.count(work.finishedRows()));
        }
        List<List<String>> lines = new ArrayList<>();
        lines.add(List.of("Output", facts.output()));
        facts.manifest()
                .ifPresentOrElse(
                        done -> published(done, lines),
                        () -> lines.add(List.of(
                                "Rows",
                                Numbers.count(work.rows() + work.finishedRows()) + " of "
                                        + Numbers.count(work.expectedRows()) + " fused when the run failed")));
        lines.add(List.of("Tokens fused", Numbers.count(work.tokens())));
        lines.add(List.of("PyTorch's numbers", facts.verified()));
        lines.add(List.of("Model", facts.origin().model().path()));
        lines.add(List.of("SHA-256 of the model", facts.origin().model().sha256()));
        inputs(lines);
        definitions(section.html(), lines);
    }

    private static void tile(Html tiles, String name, String value) {
        Html tile = tiles.add("div").with("class", "tile");
        tile.add("b", value);
        tile.add("span", name);
    }

    private static void published(Manifest done, List<List<String>> lines) {
        lines.add(List.of("Rows of the table", Numbers.count(done.rows())));
        Manifest.Update update = done.update();
        if (update != null) {
            lines.add(List.of(
                    "Update",
                    Numbers.count(update.kept()) + " kept, " + Numbers.count(update.changed()) + " changed, "
                            + Numbers.count(update.removed()) + " removed, " + Numbers.count(update.left())
                            + " not in the input any more"));
        }
        lines.add(List.of(
                "Files",
                Numbers.count(done.files().stream()
                        .filter(file -> file.file() != null)
                        .count())));
        lines.add(List.of("Fingerprint", done.fingerprint()));
        lines.add(List.of("Run", done.run()));
    }

    /** Adds a line per input table, with its files summed. */
    private void inputs(List<List<String>> lines) {
        Map<String, List<InputFile>> tables = new LinkedHashMap<>();
        facts.origin()
                .inputs()
                .forEach(file -> tables.computeIfAbsent(file.table(), table -> new ArrayList<>())
                        .add(file));
        tables.forEach((table, files) -> lines.add(List.of(
                "Input",
                table + " ("
                        + Numbers.count(
                                files.stream().mapToLong(InputFile::rows).sum(), "row") + ", "
                        + Numbers.count(files.size(), "file") + ", "
                        + Numbers.bytes(
                                files.stream().mapToLong(InputFile::bytes).sum()) + ")")));
    }

    private static void definitions(Html parent, List<List<String>> lines) {
        Html list = parent.add("dl");
        lines.forEach(line -> {
            Html pair = list.add("div");
            pair.add("dt", line.get(0));
            pair.add("dd", line.get(1));
        });
    }

    /** What was checked before the table was published. */
    void audit(BiFunction<String, String, Section> begin) {
        Section section = begin.apply("audit", "Audit");
        if (facts.manifest().isEmpty()) {
            section.note("Nothing was published, so nothing was audited.");
            return;
        }
        Manifest done = facts.manifest().get();
        section.paragraph("Checked before the table took its place:");
        Html list = section.html().add("ul").with("class", "checks");
        list.add("li", "No key is null or occurs twice among the rows that were fused.");
        if (done.audit() != null) {
            list.add("li", Numbers.count(done.audit().keys(), "key") + ": each is in the table or set aside.");
            list.add(
                    "li",
                    Numbers.count(done.audit().files(), "file")
                            + " of this run: each footer has the number of rows that its task counted, "
                            + Numbers.count(done.audit().rows()) + " in all, and all have the same columns.");
        }
        list.add("li", "Every number of every fused row is finite.");
        list.add("li", "Fingerprint of all rows: " + done.fingerprint() + ".");
        section.note("jobs/audit.sh --output " + facts.output() + " checks the table again at any later time.");
    }

    /** The options of the run, the versions, and the settings of Spark. */
    void settings(BiFunction<String, String, Section> begin) {
        Section section = begin.apply("settings", "Settings");
        section.paragraph("The options of the run. Those in bold were given, the others are defaults.");
        List<Setting> set =
                facts.options().stream().filter(each -> !each.value().isBlank()).toList();
        settings(section.html(), "Option", set);
        String unset = facts.options().stream()
                .filter(each -> each.value().isBlank())
                .map(Setting::name)
                .collect(Collectors.joining(", "));
        if (!unset.isEmpty()) {
            section.note("Not set: " + unset + ".");
        }
        Html details = section.html().add("details");
        details.add("summary", "Spark and versions");
        List<Setting> all = new ArrayList<>();
        facts.versions().forEach((name, version) -> all.add(new Setting(name, version, false)));
        all.addAll(facts.spark());
        settings(details, "Setting", all);
    }

    private static void settings(Html parent, String kind, List<Setting> settings) {
        Html table = parent.add("div").with("class", "scroll").add("table").with("class", "settings");
        Html head = table.add("thead").add("tr");
        head.add("th", kind).with("scope", "col");
        head.add("th", "Value").with("scope", "col");
        Html body = table.add("tbody");
        for (Setting setting : settings) {
            Html row = body.add("tr");
            if (setting.given()) {
                row.with("class", "given");
            }
            row.add("th", setting.name()).with("scope", "row");
            row.add("td", setting.value());
        }
    }
}
