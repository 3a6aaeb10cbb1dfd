package dev.braid.task;

import dev.braid.publish.Partitioning;
import dev.braid.tables.SparkSettings;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.rdd.CoalescedRDDPartition;

/**
 * Decides how many files a fused table has. A task writes one file, or one per partition. So tasks are merged to get fewer
 * files: one task reads the splits of several, and nothing is shuffled. Driver only.
 */
public final class OutputFiles {
    /** The size that a file should have. */
    static final long FILE_BYTES = 128L << 20;

    /** The assumed slots of a cluster that grows on demand without a limit. */
    private static final int UNKNOWN_SLOTS = 1000;

    private OutputFiles() {}

    /**
     * The number of files for a table of {@code bytes}: one per 128 MiB, but at least three per slot and at most {@code
     * tasks}.
     *
     * @param tasks the number of tasks that fuse; each would write a file
     * @param slots the number of tasks that run at once
     */
    static int count(int tasks, long bytes, int slots) {
        long files = Math.max((bytes + FILE_BYTES - 1) / FILE_BYTES, (long) SparkSettings.TASKS_PER_SLOT * slots);
        return (int) Math.min(tasks, files);
    }

    /**
     * How partitions become files.
     *
     * @param wanted the most files that the user asks for; in a partitioned table, the most per partition
     * @param bytes approximate size of the table
     * @param into the partitions of the table
     */
    public record Grouping(OptionalInt wanted, long bytes, Partitioning into) {

        /** The same rows in as many partitions as there should be files. */
        <T> JavaRDD<T> merge(JavaRDD<T> rows) {
            int tasks = rows.getNumPartitions();
            int slots = slots(JavaSparkContext.fromSparkContext(rows.context()));
            int files = wanted.isPresent() ? Math.min(tasks, wanted.getAsInt()) : count(tasks, bytes, slots);
            return files < tasks ? rows.coalesce(files) : rows;
        }
    }

    /** For each partition that {@link Grouping#merge} gave, the partitions that it was made from. */
    static List<List<Integer>> groups(JavaRDD<?> merged) {
        return merged.partitions().stream()
                .map(partition -> partition instanceof CoalescedRDDPartition coalesced
                        ? Arrays.stream(coalesced.parentsIndices()).boxed().toList()
                        : List.of(partition.index()))
                .toList();
    }

    /** The task slots that Spark has or, if executors come on demand, will have. */
    static int slots(JavaSparkContext spark) {
        SparkConf conf = spark.getConf();
        int slots = spark.defaultParallelism();
        if (!conf.getBoolean("spark.dynamicAllocation.enabled", false)) {
            return slots;
        }
        int executors = conf.getInt("spark.dynamicAllocation.maxExecutors", Integer.MAX_VALUE);
        long most = executors == Integer.MAX_VALUE
                ? UNKNOWN_SLOTS
                : (long) executors * conf.getInt("spark.executor.cores", 1) / conf.getInt("spark.task.cpus", 1);
        return (int) Math.max(slots, Math.min(most, Integer.MAX_VALUE));
    }
}
