package dev.braid.bench.report;

import java.awt.Color;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.style.Styler;

/** The comparisons as bars: a chart of rows per second per shape, one of shares of peak, and one per length of texts end to end. */
final class Plot {
    private static final int WIDTH = 430;
    private static final int HEIGHT = 300;
    private static final int COLUMNS = 3;
    private static final Color[] COLORS = {
        new Color(0x1b6ca8), new Color(0xd98032), new Color(0x8a8f98), new Color(0x5b9a5b), new Color(0xa65d9c)
    };

    private final List<CategoryChart> charts = new ArrayList<>();

    /** A chart per shape, and the shares of peak. */
    void encoder(EncoderTable table) {
        List<String> contenders = List.of(Measurement.BRAID, Measurement.LIBTORCH, Measurement.ONNX_RUNTIME);
        Map<String, List<EncoderTable.Work>> worksByShape = table.works().stream()
                .collect(Collectors.groupingBy(EncoderTable.Work::shape, LinkedHashMap::new, Collectors.toList()));
        worksByShape.forEach((shape, works) -> chart(
                shape + ", one thread",
                "rows/s",
                contenders,
                bars(works, work -> work.label().replace(", ", ",\n").replaceFirst(" (order|by length)$", ""), table)));
        List<EncoderTable.Work> unpadded = table.works().stream()
                .filter(work ->
                        !work.form().equals(Measurement.ARRIVAL) || work.text().equals(Measurement.DENSE))
                .toList();
        Map<String, Map<String, Double>> shares = new LinkedHashMap<>();
        for (EncoderTable.Work work : unpadded) {
            Map<String, Double> bars = new LinkedHashMap<>();
            contenders.forEach(contender -> table.share(work, table.find(work, contender))
                    .ifPresent(share -> bars.put(contender, 100 * share.median())));
            shares.put(work.shape() + "\n" + work.text(), bars);
        }
        chart("share of peak (bare oneDNN matmul)", "%", contenders, shares);
    }

    private static Map<String, Map<String, Double>> bars(
            List<EncoderTable.Work> works, Function<EncoderTable.Work, String> label, EncoderTable table) {
        Map<String, Map<String, Double>> groups = new LinkedHashMap<>();
        for (EncoderTable.Work work : works) {
            Map<String, Double> bars = new LinkedHashMap<>();
            for (String contender : List.of(Measurement.BRAID, Measurement.LIBTORCH, Measurement.ONNX_RUNTIME)) {
                table.find(work, contender)
                        .ifPresent(measured -> bars.put(
                                contender, Spread.of(measured.rowRates()).median()));
            }
            groups.put(label.apply(work), bars);
        }
        return groups;
    }

    /** A chart per length of texts. */
    void endToEnd(List<Measurement> measurements) {
        Map<String, List<Measurement>> byText = measurements.stream()
                .collect(Collectors.groupingBy(Measurement::text, LinkedHashMap::new, Collectors.toList()));
        byText.forEach((text, measured) -> {
            Set<String> contenders = new LinkedHashSet<>();
            Map<String, Map<String, Double>> groups = new LinkedHashMap<>();
            for (Measurement one : measured) {
                contenders.add(one.contender());
                groups.computeIfAbsent(one.form(), form -> new LinkedHashMap<>())
                        .put(one.contender(), Spread.of(one.rowRates()).median());
            }
            chart("Parquet to Parquet, " + text, "rows/s", List.copyOf(contenders), groups);
        });
    }

    private void chart(String title, String unit, List<String> series, Map<String, Map<String, Double>> groups) {
        if (groups.isEmpty()) {
            return;
        }
        CategoryChart chart = new CategoryChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title(title)
                .yAxisTitle(unit)
                .build();
        for (String name : series) {
            if (groups.values().stream().anyMatch(bars -> bars.containsKey(name))) {
                chart.addSeries(
                        name,
                        List.copyOf(groups.keySet()),
                        groups.values().stream()
                                .map(bars -> bars.getOrDefault(name, 0.0))
                                .toList());
            }
        }
        chart.getStyler()
                .setSeriesColors(COLORS)
                .setChartBackgroundColor(Color.WHITE)
                .setLegendPosition(Styler.LegendPosition.OutsideS)
                .setLegendLayout(Styler.LegendLayout.Horizontal)
                .setLegendBorderColor(Color.WHITE);
        chart.getStyler().setPlotBorderVisible(false);
        chart.getStyler().setAvailableSpaceFill(0.8);
        charts.add(chart);
    }

    /** Writes all charts as one PNG; nothing where there is none. */
    void save(Path png) throws IOException {
        if (charts.isEmpty()) {
            return;
        }
        System.setProperty("java.awt.headless", "true");
        int columns = Math.min(COLUMNS, charts.size());
        int rows = (charts.size() + columns - 1) / columns;
        BitmapEncoder.saveBitmap(charts, rows, columns, png.toString(), BitmapEncoder.BitmapFormat.PNG);
    }
}
