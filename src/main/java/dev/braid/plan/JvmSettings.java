package dev.braid.plan;

import com.sun.management.HotSpotDiagnosticMXBean;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.SparkConf;

/**
 * The JVMs whose tasks fuse, as Spark's configuration defines them: the executors or, in local mode, this JVM. Sizes in
 * bytes.
 *
 * @param manager what starts them
 * @param cores of one JVM; 1 if no number is set, although a standalone worker then gives all of its cores
 * @param taskCpus cores of one task
 * @param heap the largest Java heap
 * @param overhead the container's memory apart from the heap and Spark's own off-heap memory; 0 without a container
 * @param offHeap Spark's own off-heap memory
 * @param limit the most memory that the process can have: its container's or, in local mode, the machine's; {@link
 *     Long#MAX_VALUE} if no limit is known
 */
public record JvmSettings(
        Manager manager, int cores, int taskCpus, long heap, long overhead, long offHeap, long limit) {
    private static final long MIB = 1 << 20;

    /** Spark's default. */
    private static final long DEFAULT_HEAP = 1024 * MIB;

    private static final long LEAST_OVERHEAD = 384 * MIB;
    private static final double OVERHEAD_FACTOR = 0.1;

    private static final String CORES = "spark.executor.cores";
    private static final String HEAP = "spark.executor.memory";
    private static final String OVERHEAD = "spark.executor.memoryOverhead";
    private static final Pattern LOCAL = Pattern.compile("local(\\[\\s*(\\d+|\\*)\\s*(,.*)?])?");
    private static final Pattern LOCAL_CLUSTER = Pattern.compile("local-cluster\\[\\s*\\d+\\s*,\\s*(\\d+)\\s*,.*");

    /** What starts the JVMs. */
    public enum Manager {
        /** Nothing: tasks run in the driver. */
        LOCAL,
        /** Spark's own cluster, which limits no memory but the heap. */
        STANDALONE,
        /** YARN, which by default kills a container that exceeds its requested size. */
        YARN,
        /** Kubernetes, which always kills such a container. */
        KUBERNETES;

        /** Whether executors are containers of a fixed size. */
        boolean hasContainers() {
            return this == YARN || this == KUBERNETES;
        }
    }

    /** The resources of the machine that a driver runs on. */
    public record Machine(int processors, long heap, long memory) {

        /** The machine that this JVM runs on. */
        public static Machine here() {
            return new Machine(Runtime.getRuntime().availableProcessors(), maxHeap(), Memory.ofMachine());
        }

        /** The value of -Xmx. {@link Runtime#maxMemory} may leave out a survivor space. */
        private static long maxHeap() {
            try {
                return Long.parseLong(ManagementFactory.getPlatformMXBean(HotSpotDiagnosticMXBean.class)
                        .getVMOption("MaxHeapSize")
                        .getValue());
            } catch (RuntimeException | LinkageError otherJvm) {
                return Runtime.getRuntime().maxMemory();
            }
        }
    }

    /**
     * The JVMs that run the tasks of a session. On YARN no limit is known: it rounds containers up, and the driver does not
     * see whether it checks their memory.
     */
    static JvmSettings running(SparkConf conf, Machine machine) {
        String master = conf.get("spark.master", "local");
        Matcher local = LOCAL.matcher(master);
        int taskCpus = conf.getInt("spark.task.cpus", 1);
        if (local.matches()) {
            String threads = local.group(2) == null ? "1" : local.group(2);
            int cores = threads.equals("*") ? machine.processors() : Integer.parseInt(threads);
            return new JvmSettings(Manager.LOCAL, cores, taskCpus, machine.heap(), 0, offHeap(conf), machine.memory());
        }
        JvmSettings executors = executors(conf, manager(master));
        return executors.manager == Manager.YARN ? executors.unlimited() : executors;
    }

    private JvmSettings unlimited() {
        return new JvmSettings(manager, cores, taskCpus, heap, overhead, offHeap, Long.MAX_VALUE);
    }

    /**
     * The JVMs to plan for. If the master is local but executors are configured, these are planned as executors on YARN or
     * Kubernetes. If nothing is configured for executors, the plan is for this JVM.
     */
    public static JvmSettings planned(SparkConf conf, Machine machine) {
        String master = conf.get("spark.master", "local");
        boolean local = LOCAL.matcher(master).matches();
        if (!local) {
            return executors(conf, manager(master));
        }
        boolean described = List.of(CORES, HEAP, OVERHEAD, "spark.executor.instances").stream()
                .anyMatch(conf::contains);
        return described ? executors(conf, Manager.YARN) : running(conf, machine);
    }

    private static Manager manager(String master) {
        String scheme = master.toLowerCase(Locale.ROOT);
        return scheme.startsWith("yarn")
                ? Manager.YARN
                : scheme.startsWith("k8s") ? Manager.KUBERNETES : Manager.STANDALONE;
    }

    private static JvmSettings executors(SparkConf conf, Manager manager) {
        Matcher cluster = LOCAL_CLUSTER.matcher(conf.get("spark.master", ""));
        int cores = conf.getInt(CORES, cluster.matches() ? Integer.parseInt(cluster.group(1)) : 1);
        int taskCpus = conf.getInt("spark.task.cpus", 1);
        long heap = conf.getSizeAsMb(HEAP, DEFAULT_HEAP / MIB + "m") * MIB;
        if (!manager.hasContainers()) {
            return new JvmSettings(manager, cores, taskCpus, heap, 0, offHeap(conf), Long.MAX_VALUE);
        }
        double factor = conf.getDouble(
                "spark.executor.memoryOverheadFactor",
                conf.getDouble("spark.kubernetes.memoryOverheadFactor", OVERHEAD_FACTOR));
        long least = conf.getSizeAsMb("spark.executor.minMemoryOverhead", LEAST_OVERHEAD / MIB + "m") * MIB;
        long overhead =
                conf.contains(OVERHEAD) ? conf.getSizeAsMb(OVERHEAD) * MIB : Math.max(least, (long) (factor * heap));
        long python = conf.getSizeAsMb("spark.executor.pyspark.memory", "0m") * MIB;
        long limit = heap + overhead + offHeap(conf) + python;
        return new JvmSettings(manager, cores, taskCpus, heap, overhead, offHeap(conf), limit);
    }

    private static long offHeap(SparkConf conf) {
        return conf.getBoolean("spark.memory.offHeap.enabled", false)
                ? conf.getSizeAsBytes("spark.memory.offHeap.size", "0")
                : 0;
    }

    /** Tasks that run at the same time in one JVM. */
    public int slots() {
        return Math.max(1, cores / taskCpus);
    }

    /** Whether tasks run in the driver. */
    public boolean isLocal() {
        return manager == Manager.LOCAL;
    }
}
