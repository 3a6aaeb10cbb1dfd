package dev.braid.rows;

import dev.braid.Shown;
import java.net.URI;
import org.apache.spark.sql.catalyst.expressions.InputFileName;

/** The file that a thread reads rows from. */
public final class SourceFile {
    private final InputFileName expression = new InputFileName();
    private Object lastValue;
    private String last;

    public SourceFile() {
        expression.initialize(0);
    }

    /** The path in a URI that {@link #current} gives. */
    public static String path(String uri) {
        return URI.create(uri).getPath();
    }

    /** The file of a row; null if the row was joined from several files. */
    public String of(StoredRow row) {
        return row.isOfOneFile() ? current() : null;
    }

    /**
     * The file's URI, as Spark's {@code input_file_name()} gives it, with passwords masked; null if the thread reads no
     * file, as after a shuffle.
     */
    public String current() {
        Object value = expression.eval(null);
        if (value != lastValue) {
            lastValue = value;
            last = value.toString().isEmpty() ? null : Shown.path(value.toString());
        }
        return last;
    }
}
