package dev.braid.job;

import dev.braid.Numbers;
import dev.braid.progress.StageCost;
import java.util.List;
import java.util.Locale;

/**
 * Where the fusing tasks spent their time. One line per stage: its seconds over all threads, its share of the total and, for
 * stages with matrix products, the rate of one thread while it is in the stage. A last line, if there are any, counts the
 * tokens whose projection was copied from an earlier row.
 *
 * @param tokens fused tokens
 * @param repeated the fused tokens whose projection was computed for another row
 */
record ProfileReport(List<StageCost> stages, long tokens, long repeated) {

    @Override
    public String toString() {
        long all = stages.stream().mapToLong(StageCost::nanos).sum();
        long multiplyAdds = stages.stream().mapToLong(StageCost::multiplyAdds).sum();
        TextTable table = TextTable.headed("stage", "seconds", "%", "GFLOP/s");
        for (StageCost cost : stages) {
            add(table, cost.stage().label(), cost.nanos(), all, cost.multiplyAdds());
        }
        String text = add(table, "total", all, all, multiplyAdds).toString();
        return repeated == 0
                ? text
                : text + System.lineSeparator()
                        + Numbers.count(repeated) + " of " + Numbers.count(tokens)
                        + " tokens were projected once for several rows";
    }

    private static TextTable add(TextTable table, String name, long nanos, long all, long multiplyAdds) {
        double seconds = nanos / 1e9;
        return table.add(
                name,
                format("%,.2f", seconds),
                format("%.1f", 100.0 * nanos / Math.max(all, 1)),
                multiplyAdds == 0 || nanos == 0 ? "" : format("%,.1f", 2.0 * multiplyAdds / seconds / 1e9));
    }

    private static String format(String pattern, Number figure) {
        return String.format(Locale.ROOT, pattern, figure);
    }
}
