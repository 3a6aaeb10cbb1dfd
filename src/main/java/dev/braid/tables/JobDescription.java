package dev.braid.tables;

import dev.braid.Shown;
import java.util.Collection;
import java.util.stream.Collectors;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;

/**
 * Describes the jobs that this thread starts, in Spark's UI, until it is closed; then the earlier description is restored.
 * Passwords in paths are masked. Driver only.
 */
public final class JobDescription implements AutoCloseable {
    private static final String PROPERTY = "spark.job.description";
    private static final int LONGEST = 300;

    private final JavaSparkContext spark;
    private final String before;

    private JobDescription(JavaSparkContext spark, String what) {
        this.spark = spark;
        this.before = spark.getLocalProperty(PROPERTY);
        String shown = Shown.of("Braid: " + what);
        spark.setJobDescription(shown.length() > LONGEST ? shown.substring(0, LONGEST) + "..." : shown);
    }

    /** Describes jobs, such as {@code audit the output}. */
    public static JobDescription of(SparkSession session, String what) {
        return of(JavaSparkContext.fromSparkContext(session.sparkContext()), what);
    }

    public static JobDescription of(JavaSparkContext spark, String what) {
        return new JobDescription(spark, what);
    }

    /** Joins names for a description. */
    public static String list(Collection<String> names) {
        return names.stream().distinct().collect(Collectors.joining(", "));
    }

    @Override
    public void close() {
        spark.setLocalProperty(PROPERTY, before);
    }
}
