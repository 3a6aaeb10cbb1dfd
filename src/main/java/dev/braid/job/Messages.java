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
 * Braid's own output on standard error: text, or with {@code --log json} one object per line, in the same format as the log
 * ({@link LogLines}). Safe for several threads.
 */
final class Messages {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final PrintWriter out;
    /** Whether Spark was running before Braid; if so, the log belongs to the host application and is left unchanged. */
    private final boolean hosted = SparkEnv.get() != null;

    private volatile boolean json;

    Messages(PrintWriter out) {
        this.out = out;
    }

    /** Switches these messages to JSON, and also the log of this JVM unless Spark was running before. */
    void inJson() {
        json = true;
        if (!hosted) {
            LogLines.inJson();
        }
    }

    boolean isJson() {
        return json;
    }

    /** Prints an error of one or more lines. */
    void error(String text) {
        if (json) {
            object("ERROR", text, Map.of());
        } else {
            println(text);
        }
    }

    /** Prints the state of a run; in JSON, with its figures by name. */
    void info(String text, Map<String, ?> figures) {
        if (json) {
            object("INFO", text, figures);
        } else {
            println(text);
        }
    }

    /** The writer for a line that is updated in place on a terminal. Not used if the output is JSON. */
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
        } catch (JsonProcessingException impossible) { // the object has only text and numbers
            throw new IllegalStateException(impossible);
        }
    }

    private void println(String line) {
        out.println(line);
        out.flush();
    }
}
