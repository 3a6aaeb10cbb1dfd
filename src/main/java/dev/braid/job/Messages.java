package dev.braid.job;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.spark.SparkEnv;

/**
 * What Braid itself says on standard error: text, or with {@code --log json} an object per line, as the log's lines are then
 * ({@link LogLines}). Threads may share it.
 */
final class Messages {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final PrintWriter out;
    /** Whether Spark was there before; then the log is somebody else's. */
    private final boolean hosted = SparkEnv.get() != null;

    private volatile boolean json;

    Messages(PrintWriter out) {
        this.out = out;
    }

    /** From here on in JSON, and the log of this JVM too. */
    void inJson() {
        json = true;
        if (!hosted) {
            LogLines.inJson();
        }
    }

    boolean isJson() {
        return json;
    }

    /** What is wrong, and may be several lines. */
    void error(String text) {
        if (json) {
            object("ERROR", text, Map.of());
        } else {
            println(text);
        }
    }

    /** How a run comes along, with its figures by their names. */
    void info(String text, Map<String, ?> figures) {
        if (json) {
            object("INFO", text, figures);
        } else {
            println(text);
        }
    }

    /** For a line that is rewritten in place on a terminal; never in JSON. */
    PrintWriter terminal() {
        return out;
    }

    private void object(String level, String text, Map<String, ?> figures) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("timestamp", Instant.now().truncatedTo(ChronoUnit.MILLIS).toString());
        object.put("level", level);
        object.put("logger", Braid.class.getName());
        object.put("message", text.stripTrailing());
        object.putAll(figures);
        try {
            println(JSON.writeValueAsString(object));
        } catch (JsonProcessingException impossible) { // text and numbers alone
            throw new IllegalStateException(impossible);
        }
    }

    private void println(String line) {
        out.println(line);
        out.flush();
    }
}
