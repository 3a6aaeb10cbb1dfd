package dev.braid.job;

import dev.braid.spark.StageCost;
import java.util.List;
import java.util.Locale;

/**
 * Where the time of the fusing tasks went: a line per stage with its seconds, over all threads, its share of them, and,
 * where it has matrix products, the rate of one thread while it is at them.
 */
record ProfileReport(List<StageCost> stages) {

    @Override
    public String toString() {
        long all = stages.stream().mapToLong(StageCost::nanos).sum();
        long multiplyAdds = stages.stream().mapToLong(StageCost::multiplyAdds).sum();
        TextTable table = TextTable.headed("stage", "seconds", "%", "GFLOP/s");
        for (StageCost cost : stages) {
            add(table, cost.stage().label(), cost.nanos(), all, cost.multiplyAdds());
        }
        return add(table, "total", all, all, multiplyAdds).toString();
    }

    private static TextTable add(TextTable table, String name, long nanos, long all, long multiplyAdds) {
        double seconds = nanos / 1e9;
        return table.add(
                name,
                format("%,.2f", seconds),
                format("%.1f", 100.0 * nanos / Math.max(all, 1)),
                multiplyAdds == 0 || nanos == 0 ? "" : format("%,.1f", 2.0 * multiplyAdds / seconds / 1e9));
    }

    private static String format(String pattern, double figure) {
        return String.format(Locale.ROOT, pattern, figure);
    }
}
