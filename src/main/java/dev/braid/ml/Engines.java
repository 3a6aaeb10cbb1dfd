package dev.braid.ml;

import dev.braid.spark.FusionEngine;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.SparkSession;

/** The engines that a transformer and its copies have opened: one for each model and settings. Safe for several threads. */
final class Engines implements AutoCloseable {
    private final Map<FusionSettings, Opened> opened = new HashMap<>();

    /** An engine, and the Spark context that holds its model. */
    private record Opened(FusionEngine engine, SparkContext spark) {}

    /** The engine for these settings, opened if there is none yet. */
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
        opened.clear(); // first, so that no closed engine is used again even if a close fails
        all.forEach(each -> each.engine().close());
    }
}
