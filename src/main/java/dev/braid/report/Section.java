package dev.braid.report;

import java.util.List;
import java.util.Map;

/** A section of the page, with text, charts and tables. Each of its charts has a table with the same numbers. */
final class Section {
    private final Html html;
    private final Map<String, Object> charts;

    /**
     * A new section at the end of the page.
     *
     * @param charts receives the data of the section's charts, by name
     */
    Section(Html main, String id, String title, Map<String, Object> charts) {
        this.html = main.add("section").with("id", id).with("aria-labelledby", id + "-title");
        this.html.add("h2", title).with("id", id + "-title");
        this.charts = charts;
    }

    Html html() {
        return html;
    }

    Section paragraph(String text) {
        html.add("p", text);
        return this;
    }

    Section note(String text) {
        html.add("p", text).with("class", "note");
        return this;
    }

    /**
     * Adds a chart that the function of this name in {@code charts.js} draws.
     *
     * @param label a description of the chart for screen readers
     */
    Section chart(String name, String label, Object data) {
        charts.put(name, data);
        Html figure = html.add("figure");
        figure.add("div")
                .with("class", "chart")
                .with("data-chart", name)
                .with("role", "img")
                .with("aria-label", label);
        figure.add("noscript", "Charts need JavaScript; the table has the same numbers.");
        return this;
    }

    /** Adds a visible table. The first column names its rows. */
    Section table(List<String> header, List<List<String>> rows) {
        table(html, header, rows);
        return this;
    }

    /** Adds a table with the numbers of a chart, initially collapsed. */
    Section numbers(String summary, List<String> header, List<List<String>> rows) {
        Html details = html.add("details");
        details.add("summary", summary);
        table(details, header, rows);
        return this;
    }

    private static void table(Html parent, List<String> header, List<List<String>> rows) {
        Html table = parent.add("div").with("class", "scroll").add("table");
        Html head = table.add("thead").add("tr");
        header.forEach(cell -> head.add("th", cell).with("scope", "col"));
        Html body = table.add("tbody");
        for (List<String> cells : rows) {
            Html row = body.add("tr");
            row.add("th", cells.get(0)).with("scope", "row");
            cells.subList(1, cells.size()).forEach(cell -> row.add("td", cell));
        }
    }
}
