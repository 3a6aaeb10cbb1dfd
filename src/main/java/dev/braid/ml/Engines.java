package dev.braid.ml;

import dev.braid.spark.FusionEngine;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.SparkSession;

/** The engines that a transformer and its copies have opened: one for each model and way of fusing. Threads may share it. */
final class Engines implements AutoCloseable {
    private final Map<FusionSettings, Opened> opened = new HashMap<>();

    /** An engine, and the Spark that holds its model. */
    private record Opened(FusionEngine engine, SparkContext spark) {}

    /** The engine of these settings, opened now if there is none. */
    synchronized FusionEngine of(FusionSettings settings, SparkSession session) {
        SparkContext spark = session.sparkContext();
        Opened found = opened.get(settings);
        if (found == null || found.spark() != spark) {
            found = new Opened(settings.open(session), spark);
            opened.put(settings, found);
        }
        return found.engine();
    }

    @Override
    public synchronized void close() {
        List<Opened> all = List.copyOf(opened.values());
        opened.clear(); // Whatever fails below: an engine that is closed must not be used again.
        all.forEach(each -> each.engine().close());
    }
}
