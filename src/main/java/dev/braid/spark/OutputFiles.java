package dev.braid.spark;

import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.apache.spark.SparkConf;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.rdd.CoalescedRDDPartition;

/**
 * How many files a fused table becomes. A task writes one file, or one per partition, so tasks are merged: one reads the splits
 * of several, and nothing is shuffled. Driver only.
 */
public final class OutputFiles {
    /** What a file should hold, where there is that much. */
    static final long FILE_BYTES = 128L << 20;

    /** The fewest tasks that a slot keeps, so that the slots end at about the same time. */
    static final int TASKS_PER_SLOT = 3;

    /** The slots of a cluster that grows on demand and says no limit. */
    private static final int UNKNOWN_SLOTS = 1000;

    private OutputFiles() {}

    /**
     * The number of files for a table of {@code bytes}: of 128 MiB each, but no fewer than three for each slot, and no
     * more than {@code tasks}.
     *
     * @param tasks how many tasks fuse, each of which would write a file
     * @param slots how many tasks run at once
     */
    static int count(int tasks, long bytes, int slots) {
        long files = Math.max((bytes + FILE_BYTES - 1) / FILE_BYTES, (long) TASKS_PER_SLOT * slots);
        return (int) Math.min(tasks, files);
    }

    /**
     * About how many bytes a fused table has, before compression and without its kept columns.
     *
     * @param rows of the table
     * @param inputBytes of the feature files. How many tokens a row has is not known before it is read; they are taken to
     *     be what the features of this many bytes hold, at 4 bytes a number and the mean feature size
     */
    public static long bytes(FusionConfig config, ModelConfig model, long rows, long inputBytes) {
        double bytes = 0;
        if (config.emits(Emitted.POOLED)) {
            bytes += (double) rows * model.hiddenSize() * config.vectors().bytes();
        }
        if (config.emits(Emitted.TOKENS)) {
            double featureSize = model.modalities().stream()
                    .mapToInt(ModalityConfig::featureSize)
                    .average()
                    .orElse(1);
            bytes += inputBytes
                    / (Float.BYTES * featureSize)
                    * model.hiddenSize()
                    * config.vectors().bytes();
        }
        if (config.emits(Emitted.ATTENTION_BY_LAYER)) {
            bytes += (double) rows * model.attentions().size() * model.groups().size() * Float.BYTES;
        }
        return (long) bytes;
    }

    /**
     * How partitions become files.
     *
     * @param wanted the number of files that the user asks for, at most; of a partitioned table, in each partition
     * @param bytes of the table, about
     * @param into the partitions of the table
     */
    public record Grouping(OptionalInt wanted, long bytes, Partitioning into) {

        /** The same rows in as many partitions as there are to be files. */
        <T> JavaRDD<T> merge(JavaRDD<T> rows) {
            int tasks = rows.getNumPartitions();
            int slots = slots(JavaSparkContext.fromSparkContext(rows.context()));
            int files = wanted.isPresent() ? Math.min(tasks, wanted.getAsInt()) : count(tasks, bytes, slots);
            return files < tasks ? rows.coalesce(files) : rows;
        }
    }

    /** Of each partition that {@link Grouping#merge} gave, those that it was made of. */
    static List<List<Integer>> groups(JavaRDD<?> merged) {
        return merged.partitions().stream()
                .map(partition -> partition instanceof CoalescedRDDPartition coalesced
                        ? Arrays.stream(coalesced.parentsIndices()).boxed().toList()
                        : List.of(partition.index()))
                .toList();
    }

    /** Those that Spark has, or will have where executors come on demand. */
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
