package dev.braid.bench.report;

import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import javax.imageio.IIOImage;
import javax.imageio.ImageIO;
import javax.imageio.ImageWriteParam;
import javax.imageio.ImageWriter;
import javax.imageio.stream.ImageOutputStream;
import org.knowm.xchart.CategoryChart;
import org.knowm.xchart.CategoryChartBuilder;
import org.knowm.xchart.style.CategoryStyler;
import org.knowm.xchart.style.Styler;

/** The comparisons as bars: a chart of rows per second per shape, one of shares of peak, and one per length of texts end to end. */
final class Plot {
    private static final int WIDTH = 360;
    private static final int HEIGHT = 250;
    private static final int COLUMNS = 3;
    private static final Color[] COLORS = {
        new Color(0x1b6ca8), new Color(0xd98032), new Color(0x8a8f98), new Color(0x5b9a5b), new Color(0xa65d9c)
    };

    private static final Font FONT = new Font(Font.SANS_SERIF, Font.PLAIN, 11);
    private static final List<String> CONTENDERS =
            List.of(Measurement.BRAID, Measurement.LIBTORCH, Measurement.ONNX_RUNTIME);

    private final List<CategoryChart> charts = new ArrayList<>();

    /** A chart per shape, and the shares of peak where rows are dense, and ragged but sorted. */
    void encoder(EncoderTable table) {
        Map<String, List<EncoderTable.Work>> worksByShape = table.works().stream()
                .collect(Collectors.groupingBy(EncoderTable.Work::shape, LinkedHashMap::new, Collectors.toList()));
        worksByShape.forEach((shape, works) -> chart(
                shape + ", one thread",
                "rows/s",
                bars(
                        works,
                        Plot::label,
                        work -> contender -> table.find(work, contender)
                                .map(measured -> Spread.of(measured.rowRates()).median()))));
        Map<String, List<EncoderTable.Work>> worksByText = table.works().stream()
                .filter(work -> !work.form().equals(Measurement.ARRIVAL))
                .collect(Collectors.groupingBy(EncoderTable.Work::label, LinkedHashMap::new, Collectors.toList()));
        worksByText.forEach((text, works) -> chart(
                "share of peak, " + text,
                "% of bare oneDNN matmul",
                bars(
                        works,
                        EncoderTable.Work::shape,
                        work -> contender ->
                                table.share(work, table.find(work, contender)).map(share -> 100 * share.median()))));
    }

    private static String label(EncoderTable.Work work) {
        return work.form().equals(Measurement.SORTED) ? work.text() + ", sorted" : work.text();
    }

    private static Map<String, Map<String, Double>> bars(
            List<EncoderTable.Work> works,
            Function<EncoderTable.Work, String> label,
            Function<EncoderTable.Work, Function<String, Optional<Double>>> height) {
        Map<String, Map<String, Double>> groups = new LinkedHashMap<>();
        for (EncoderTable.Work work : works) {
            Map<String, Double> bars = new LinkedHashMap<>();
            for (String contender : CONTENDERS) {
                height.apply(work).apply(contender).ifPresent(found -> bars.put(contender, found));
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
            Map<String, Map<String, Double>> groups = new LinkedHashMap<>();
            for (Measurement one : measured) {
                groups.computeIfAbsent(one.form(), form -> new LinkedHashMap<>())
                        .put(one.contender(), Spread.of(one.rowRates()).median());
            }
            chart("Parquet to Parquet, " + text, "rows/s", groups);
        });
    }

    /** @param groups bars by series, by the label below them */
    private void chart(String title, String unit, Map<String, Map<String, Double>> groups) {
        CategoryChart chart = new CategoryChartBuilder()
                .width(WIDTH)
                .height(HEIGHT)
                .title(title)
                .yAxisTitle(unit)
                .build();
        Set<String> series = new LinkedHashSet<>();
        groups.values().forEach(bars -> series.addAll(bars.keySet()));
        for (String name : series) {
            List<Double> heights = groups.values().stream()
                    .map(bars -> bars.getOrDefault(name, 0.0))
                    .toList();
            chart.addSeries(name, List.copyOf(groups.keySet()), heights);
        }
        CategoryStyler styler = chart.getStyler();
        styler.setAvailableSpaceFill(0.8);
        styler.setSeriesColors(COLORS);
        styler.setChartBackgroundColor(Color.WHITE);
        styler.setPlotBorderVisible(false);
        styler.setLegendPosition(Styler.LegendPosition.OutsideS);
        styler.setLegendLayout(Styler.LegendLayout.Horizontal);
        styler.setLegendBorderColor(Color.WHITE);
        styler.setChartTitleFont(FONT.deriveFont(Font.BOLD, 13));
        styler.setAxisTitleFont(FONT);
        styler.setAxisTickLabelsFont(FONT);
        styler.setLegendFont(FONT);
        charts.add(chart);
    }

    /** Writes all charts side by side as one PNG; nothing where there is none. */
    void save(Path png) throws IOException {
        if (charts.isEmpty()) {
            return;
        }
        int columns = Math.min(COLUMNS, charts.size());
        int rows = (charts.size() + columns - 1) / columns;
        BufferedImage image = new BufferedImage(columns * WIDTH, rows * HEIGHT, BufferedImage.TYPE_INT_RGB);
        Graphics2D canvas = image.createGraphics();
        canvas.setColor(Color.WHITE);
        canvas.fillRect(0, 0, image.getWidth(), image.getHeight());
        for (int c = 0; c < charts.size(); c++) {
            Graphics2D cell = (Graphics2D) canvas.create(c % columns * WIDTH, c / columns * HEIGHT, WIDTH, HEIGHT);
            charts.get(c).paint(cell, WIDTH, HEIGHT);
            cell.dispose();
        }
        canvas.dispose();
        write(image, png);
    }

    private static void write(BufferedImage image, Path png) throws IOException {
        ImageWriter writer = ImageIO.getImageWritersByFormatName("png").next();
        ImageWriteParam smallest = writer.getDefaultWriteParam();
        smallest.setCompressionMode(ImageWriteParam.MODE_EXPLICIT);
        smallest.setCompressionQuality(0);
        try (OutputStream file = Files.newOutputStream(png);
                ImageOutputStream out = ImageIO.createImageOutputStream(file)) {
            writer.setOutput(out);
            writer.write(null, new IIOImage(image, null, null), smallest);
        } finally {
            writer.dispose();
        }
    }
}
