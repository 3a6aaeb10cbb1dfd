package dev.braid.plan;

import dev.braid.InputException;
import dev.braid.Numbers;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import dev.braid.model.Readout;
import dev.braid.spark.FeatureTables;
import dev.braid.spark.FusedSchema;
import dev.braid.spark.FusionConfig;
import dev.braid.tables.TableLoad;
import dev.braid.task.Lanes;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.spark.sql.SparkSession;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The memory that a JVM needs while its tasks fuse, part by part, and the settings that provide it. What depends on the data
 * or the machine is estimated, high rather than low. Driver only.
 *
 * @param jvm the JVM that the plan is for
 * @param heap the parts in the Java heap
 * @param outside the parts outside the heap, without Spark's own off-heap memory
 * @param least the minimum that every run needs
 */
public record MemoryPlan(JvmSettings jvm, List<Part> heap, List<Part> outside, Least least) {
    private static final Logger log = LoggerFactory.getLogger(MemoryPlan.class);

    private static final long MIB = 1 << 20;

    /** Settings are rounded up to a multiple of this. */
    private static final long STEP = 256 * MIB;

    private static final long LEAST_HEAP = 512 * MIB;

    /** Spark and Hadoop, including what they keep about classes and files. */
    private static final long SPARK_HEAP = 300 * MIB;

    /** Copies of the model in a cluster's driver: one as read, and two as broadcast, whole and in blocks. */
    private static final int DRIVER_COPIES = 3;

    /** The share of a heap that can be full before the garbage collector takes most of the time. */
    private static final double USABLE = 0.8;

    /** Classes, compiled Java code, stacks, the native libraries of ND4J, OpenBLAS and oneDNN, and malloc's overhead. */
    private static final long JVM_NATIVE = 448 * MIB;

    /** The garbage collector's own bytes per byte of heap. */
    private static final double COLLECTOR = 0.03;

    /** Codecs, scratch memory and compiled kernels of a workspace, without the kernels that are compiled for a length. */
    private static final long WORKSPACE = 32 * MIB;

    /** A part of the memory of a JVM: {@code times} pieces of {@code each} bytes. */
    public record Part(String name, long each, int times) {
        /** The bytes of all pieces. */
        public long bytes() {
            return each * times;
        }
    }

    /** The shortest and the longest row, in tokens. */
    public record Lengths(int shortest, int longest) {
        /** Low values, so that nobody is warned without a reason. */
        static final Lengths UNKNOWN = new Lengths(1, 1);
    }

    /**
     * The minimum that every run needs, whatever its rows are.
     *
     * @param model bytes of the stored model
     * @param copies of the model in the heap: as broadcast, as unpacked and, in a driver, as read
     * @param outside bytes of the packed weights and the buffers of one batch
     */
    record Least(long model, int copies, long outside) {
        long heap() {
            return model * copies;
        }
    }

    /**
     * Plans for a model and its tables.
     *
     * @param lengths of rows, in tokens
     */
    public static MemoryPlan of(
            Checkpoint checkpoint, FusionConfig config, FeatureTables tables, JvmSettings jvm, Lengths lengths) {
        TableLoad load = tables.load(config, checkpoint.config());
        Set<Readout> readouts = FusedSchema.readouts(config, checkpoint.config());
        long model = checkpoint.bytes();
        long weights = FusionModel.weightBytes(checkpoint, config.precision());
        long buffers = FusionWorkspace.nativeBytes(checkpoint.config(), config.maxTokens());
        long packing = FusionWorkspace.heapBytes(checkpoint.config(), config.maxTokens(), readouts);
        long compiled = FusionWorkspace.compiledBytes(checkpoint.config(), lengths.shortest(), lengths.longest());
        int slots = jvm.slots();
        int lanes = slots * Lanes.most(jvm.taskCpus());

        List<Part> heap = new ArrayList<>();
        heap.add(new Part("a row group, as it is stored", load.largestGroup(), slots));
        heap.add(new Part("a page of each column", load.largestPages(), slots));
        heap.add(new Part("rows that are read, in columns", 2 * load.batchBytes(), slots));
        long packed = 2 * load.largestRow() + Lanes.MOST_CARRIED_BYTES + packing;
        heap.add(new Part("rows that are packed", packed, lanes));
        heap.add(new Part("a row group to be written", 2 * load.writtenGroup(), slots));
        if (load.joined()) {
            // Sorting spills only when it has taken this share of the heap.
            double share = load.memoryFraction() / (1 - load.memoryFraction());
            heap.add(new Part("sorting, for the join", (long) (share * sum(heap)), 1));
        }
        heap.add(0, new Part("the model, broadcast and unpacked", model, jvm.isLocal() ? 4 : 3));
        heap.add(0, new Part("Spark and Hadoop", SPARK_HEAP, 1));

        // In local mode, the planning JVM may have a larger heap than the one that this plan asks for.
        long collected = jvm.isLocal() ? Math.min(jvm.heap(), heapSetting(heap)) : jvm.heap();
        List<Part> outside = new ArrayList<>();
        outside.add(new Part("JVM and native libraries", JVM_NATIVE + (long) (COLLECTOR * collected), 1));
        outside.add(new Part("weights", weights + weights / 50 + FusionModel.packingBytes(checkpoint.config()), 1));
        outside.add(new Part("buffers for " + config.maxTokens() + " tokens", buffers, lanes));
        outside.add(new Part("scratch memory and kernels", WORKSPACE + compiled, lanes));
        if (load.joined() && !jvm.isLocal()) {
            outside.add(new Part("blocks of the shuffle", load.shuffleBytes(), slots));
        }
        Least least = new Least(model, jvm.isLocal() ? 3 : 2, weights + buffers);
        return new MemoryPlan(jvm, List.copyOf(heap), List.copyOf(outside), least);
    }

    /**
     * Checks the memory before a run starts: refuses settings with which no run can work, and warns of those that may not be
     * enough.
     *
     * @return the plan of the JVMs that run, with unknown row lengths
     * @throws InputException naming what is too small, what it needs and the setting to change
     */
    public static MemoryPlan check(
            SparkSession session, Checkpoint checkpoint, FusionConfig config, FeatureTables tables) {
        JvmSettings jvm = JvmSettings.running(session.sparkContext().getConf(), JvmSettings.Machine.here());
        MemoryPlan plan = of(checkpoint, config, tables, jvm, Lengths.UNKNOWN);
        List<String> impossible = plan.impossible();
        if (!impossible.isEmpty()) {
            throw InputException.of("Cannot fuse with these settings", impossible);
        }
        plan.problems().forEach(problem -> log.warn("The run may exhaust its memory: {}", problem));
        return plan;
    }

    /** The Java heap that the parts need. */
    public long heapBytes() {
        return heapBytes(heap);
    }

    private static long heapBytes(List<Part> heap) {
        return (long) (sum(heap) / USABLE);
    }

    /** The memory outside the heap that the parts need. */
    public long outsideBytes() {
        return sum(outside);
    }

    private static long sum(List<Part> parts) {
        return parts.stream().mapToLong(Part::bytes).sum();
    }

    /** A heap setting that is large enough. */
    public long heapSetting() {
        return heapSetting(heap);
    }

    private static long heapSetting(List<Part> heap) {
        return Math.max(LEAST_HEAP, Memory.roundUp(heapBytes(heap), STEP));
    }

    /** A memory overhead that is large enough. */
    public long overheadSetting() {
        return Memory.roundUp(outsideBytes(), STEP);
    }

    /** A heap setting that is large enough for the driver of a cluster, which holds the model and no tables. */
    public long driverHeapSetting() {
        return Math.max(
                LEAST_HEAP, Memory.roundUp((long) ((SPARK_HEAP + DRIVER_COPIES * least.model()) / USABLE), STEP));
    }

    /** What cannot work, whatever the rows are, one line each. */
    public List<String> impossible() {
        List<String> problems = new ArrayList<>();
        if (least.heap() > jvm.heap()) {
            problems.add(tooSmall("heap", least.heap(), "the model, broadcast and unpacked", jvm.heap(), heapFix()));
        }
        if (least.outside() + least.heap() > jvm.limit()) {
            problems.add(tooSmall(
                    "memory",
                    least.outside() + least.heap(),
                    "the model, its weights and the buffers of one batch",
                    jvm.limit(),
                    limitFix()));
        }
        return problems;
    }

    /** What is too small according to the estimate, one line each. */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        if (heapBytes() > jvm.heap()) {
            problems.add(tooSmall("heap", heapBytes(), jvm.slots() + " tasks at once", jvm.heap(), heapFix()));
        }
        if (jvm.isLocal() && heapBytes() + outsideBytes() > jvm.limit()) {
            problems.add(tooSmall(
                    "memory", heapBytes() + outsideBytes(), jvm.slots() + " tasks at once", jvm.limit(), limitFix()));
        }
        if (jvm.manager().hasContainers() && outsideBytes() > jvm.overhead()) {
            problems.add(tooSmall(
                    "memory outside the heap",
                    outsideBytes(),
                    jvm.slots() + " tasks at once",
                    jvm.overhead(),
                    limitFix()));
        }
        return problems;
    }

    private String tooSmall(String what, long needed, String why, long got, String fix) {
        return what + " of " + (jvm.isLocal() ? "this JVM" : "an executor") + ": expected at least "
                + Numbers.bytes(needed) + " (" + why + "), got " + Numbers.bytes(got) + "; " + fix;
    }

    private String heapFix() {
        return "set " + (jvm.isLocal() ? "spark.driver.memory=" : "spark.executor.memory=")
                + Memory.setting(heapSetting());
    }

    private String limitFix() {
        return (jvm.isLocal()
                        ? "take a machine with more, a smaller --master local[N]"
                        : "set spark.executor.memoryOverhead=" + Memory.setting(overheadSetting()))
                + ", or a smaller --max-tokens";
    }
}
