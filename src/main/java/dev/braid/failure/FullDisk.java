package dev.braid.failure;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Tells which disk is full, from the code that failed to write. */
final class FullDisk {
    /** The places that can be full, and the packages that write there. Hadoop and Parquet write only the output. */
    private static final Map<String, List<String>> WRITERS = Map.of(
            "at the output",
            List.of("org.apache.hadoop.", "org.apache.parquet.", "dev.braid.parquet."),
            "in Spark's local directories (spark.local.dir or SPARK_LOCAL_DIRS, else java.io.tmpdir)",
            List.of("org.apache.spark.storage.", "org.apache.spark.shuffle.", "org.apache.spark.util.collection."),
            "for native libraries (~/.cache/braid, without a home java.io.tmpdir, or what org.bytedeco.javacpp.cachedir names)",
            List.of("org.bytedeco.javacpp."),
            "for temporary files (java.io.tmpdir)",
            List.of("com.github.luben.zstd.util.", "org.xerial.snappy.", "io.netty.util.internal."));

    private FullDisk() {}

    /** Completes {@code expected free disk space ...}. Names all places if the code does not tell which one it is. */
    static String of(Throwable failure) {
        Set<Throwable> seen = Collections.newSetFromMap(new IdentityHashMap<>());
        String found =
                "at the output, in Spark's local directories (spark.local.dir) and for temporary files (java.io.tmpdir)";
        // The innermost exception is the nearest to the disk.
        for (Throwable cause = failure; cause != null && seen.add(cause); cause = cause.getCause()) {
            for (StackTraceElement frame : cause.getStackTrace()) {
                String place = place(frame.getClassName());
                if (place != null) {
                    found = place;
                    break;
                }
            }
        }
        return found;
    }

    private static String place(String writer) {
        for (Map.Entry<String, List<String>> disk : WRITERS.entrySet()) {
            if (disk.getValue().stream().anyMatch(writer::startsWith)) {
                return disk.getKey();
            }
        }
        return null;
    }
}
