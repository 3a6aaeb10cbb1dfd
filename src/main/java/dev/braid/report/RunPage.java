package dev.braid.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.braid.report.RunFacts.Setting;
import dev.braid.spark.InputFile;
import dev.braid.spark.Manifest;
import dev.braid.spark.Memory;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.stream.Collectors;

/**
 * The report of a run as one HTML page that loads nothing: style, scripts and data are inline, and its content security
 * policy forbids everything else. Every chart has a table with the same numbers.
 */
public final class RunPage {
    private static final String D3 = "/META-INF/resources/webjars/d3/7.9.0/";
    private static final ObjectMapper JSON = new ObjectMapper();

    private final RunFacts facts;
    private final Map<String, Object> charts = new LinkedHashMap<>();

    private RunPage(RunFacts facts) {
        this.facts = facts;
    }

    /** The page, to be written in UTF-8. */
    public static String of(RunFacts facts) {
        return new RunPage(facts).build();
    }

    private String build() {
        String style = resource("report.css");
        String d3 = comment(resource(D3 + "LICENSE")) + resource(D3 + "dist/d3.min.js");
        String script = resource("charts.js");
        Html page = Html.page();
        Html head = page.add("head");
        head.add("meta")
                .with("http-equiv", "Content-Security-Policy")
                .with(
                        "content",
                        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src "
                                + hash(style) + "; script-src " + hash(d3) + " " + hash(script));
        head.add("meta").with("name", "viewport").with("content", "width=device-width, initial-scale=1");
        head.add("meta").with("name", "color-scheme").with("content", "light dark");
        head.add("title", "Braid: " + name(facts.output()) + ", " + status());
        head.add("link").with("rel", "icon").with("href", "data:,");
        head.add("style").raw(style);
        Html body = page.add("body");
        header(body.add("header"));
        Html main = body.add("main");
        BiFunction<String, String, Section> begin = (id, title) -> new Section(main, id, title, charts);
        WorkSections work = new WorkSections(facts);
        RowSections rows = new RowSections(facts);
        summary(begin.apply("summary", "Summary"));
        work.throughput(begin);
        rows.lengths(begin);
        rows.badRows(begin);
        rows.modalities(begin);
        work.stages(begin);
        work.exchanges(begin);
        work.memory(begin);
        audit(begin.apply("audit", "Audit"));
        settings(begin.apply("settings", "Settings"));
        Html footer = body.add("footer");
        footer.add(
                "p",
                "Written by Braid " + facts.versions().get("braid") + ". This page loads nothing and holds no"
                        + " row. Charts: D3, Copyright 2010-2023 Mike Bostock.");
        body.add("script").with("type", "application/json").with("id", "data").raw(json());
        body.add("script").raw(d3);
        body.add("script").raw(script);
        return page.toString();
    }

    private String status() {
        return facts.failure().isPresent()
                ? facts.manifest().isEmpty() ? "failed" : "failed behind the publication"
                : facts.quarantined().isEmpty() ? "published" : "published, with bad rows";
    }

    private void header(Html header) {
        String kind =
                facts.failure().isPresent() ? "failed" : facts.quarantined().isEmpty() ? "good" : "partly";
        header.add("p", "Braid run report").with("class", "kicker");
        header.add("h1", name(facts.output()));
        Html line = header.add("p").with("class", "status");
        line.add("span", status()).with("class", "pill " + kind);
        line.text(" "
                + facts.started()
                        .truncatedTo(ChronoUnit.SECONDS)
                        .toString()
                        .replace("T", " ")
                        .replace("Z", " UTC") + ", " + Words.duration(facts.elapsed()));
        facts.failure().ifPresent(message -> {
            Html box = header.add("div").with("class", "failure").with("role", "alert");
            message.lines().forEach(part -> box.add("p", part));
        });
        Html nav = header.add("nav").with("aria-label", "Sections");
        List.of(
                        "summary",
                        "throughput",
                        "lengths",
                        "bad-rows",
                        "modalities",
                        "stages",
                        "exchanges",
                        "memory",
                        "audit",
                        "settings")
                .forEach(id -> nav.add("a", id.replace('-', ' ')).with("href", "#" + id));
    }

    /** The last component of a path. */
    private static String name(String path) {
        String plain = path.replaceAll("/+$", "");
        return plain.substring(plain.lastIndexOf('/') + 1);
    }

    private void summary(Section section) {
        RunFacts.Work work = facts.work();
        double seconds = facts.seconds();
        Html tiles = section.html().add("div").with("class", "tiles");
        tile(tiles, "rows fused", Words.large(work.rows()));
        tile(tiles, "tokens", Words.large(work.tokens()));
        tile(tiles, "tokens/s, whole run", Words.large(Math.round(work.tokens() / seconds)));
        tile(tiles, "GFLOP/s, whole run", Words.decimal(2.0 * work.multiplyAdds() / seconds / 1e9));
        tile(
                tiles,
                "rows set aside",
                facts.manifest()
                        .map(done -> Words.count(done.quarantinedRows()))
                        .orElse("–"));
        if (work.finishedRows() > 0) {
            tile(tiles, "rows resumed", Words.count(work.finishedRows()));
        }
        List<List<String>> lines = new ArrayList<>();
        lines.add(List.of("Output", facts.output()));
        facts.manifest()
                .ifPresentOrElse(
                        done -> published(done, lines),
                        () -> lines.add(List.of(
                                "Rows",
                                Words.count(work.rows() + work.finishedRows()) + " of "
                                        + Words.count(work.expectedRows()) + " fused when the run failed")));
        lines.add(List.of("Tokens fused", Words.count(work.tokens())));
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
        lines.add(List.of("Rows of the table", Words.count(done.rows())));
        Manifest.Update update = done.update();
        if (update != null) {
            lines.add(List.of(
                    "Update",
                    Words.count(update.kept()) + " kept, " + Words.count(update.changed()) + " changed, "
                            + Words.count(update.removed()) + " removed, " + Words.count(update.left())
                            + " not in the input any more"));
        }
        lines.add(List.of(
                "Files",
                Words.count(done.files().stream()
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
                        + Words.count(files.stream().mapToLong(InputFile::rows).sum(), "row") + ", "
                        + Words.count(files.size(), "file") + ", "
                        + Memory.text(files.stream().mapToLong(InputFile::bytes).sum()) + ")")));
    }

    private static void definitions(Html parent, List<List<String>> lines) {
        Html list = parent.add("dl");
        lines.forEach(line -> {
            Html pair = list.add("div");
            pair.add("dt", line.get(0));
            pair.add("dd", line.get(1));
        });
    }

    private void audit(Section section) {
        if (facts.manifest().isEmpty()) {
            section.note("Nothing was published, so nothing was audited.");
            return;
        }
        Manifest done = facts.manifest().get();
        section.paragraph("Checked before the table took its place:");
        Html list = section.html().add("ul").with("class", "checks");
        list.add("li", "No key is null or occurs twice among the rows that were fused.");
        if (done.audit() != null) {
            list.add("li", Words.count(done.audit().keys(), "key") + ": each is in the table or set aside.");
            list.add(
                    "li",
                    Words.count(done.audit().files(), "file")
                            + " of this run: the footer of each has the rows that its task" + " counted, "
                            + Words.count(done.audit().rows()) + " in all, and the columns of the others.");
        }
        list.add("li", "Every number of every fused row is finite.");
        list.add("li", "Fingerprint of all rows: " + done.fingerprint() + ".");
        section.note("jobs/audit.sh --output " + facts.output() + " checks the table again at any later time.");
    }

    private void settings(Section section) {
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

    /** The data of the charts as JSON. Contains no {@code <}, so it cannot end the script element. */
    private String json() {
        try {
            return JSON.writeValueAsString(charts).replace("<", "\\u003c");
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    private static String comment(String text) {
        return "/*\n" + text + "*/\n";
    }

    private static String hash(String text) {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
            return "'sha256-" + Base64.getEncoder().encodeToString(digest) + "'";
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has SHA-256", e);
        }
    }

    private static String resource(String name) {
        try (InputStream in = RunPage.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("the jar lacks " + name);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
