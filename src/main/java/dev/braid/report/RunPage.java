package dev.braid.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;

/**
 * The report of a run as one HTML page. It loads nothing: style, scripts and data are inline, and its content security policy
 * forbids everything else. Every chart has a table with the same numbers.
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
        RunSections run = new RunSections(facts);
        run.summary(begin);
        work.throughput(begin);
        rows.lengths(begin);
        rows.badRows(begin);
        rows.modalities(begin);
        work.stages(begin);
        work.exchanges(begin);
        work.memory(begin);
        run.audit(begin);
        run.settings(begin);
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
                ? facts.manifest().isEmpty() ? "failed" : "failed after the publication"
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
                        .replace("Z", " UTC") + ", " + Format.duration(facts.elapsed()));
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
