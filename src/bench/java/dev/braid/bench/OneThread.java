package dev.braid.bench;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.function.Supplier;

/** Holds what makes the contenders comparable: one core each, and a BLAS that chose its own kernels. */
final class OneThread {
    private static final double MOST_CORES = 1.3;
    private static final int RUNS = 10;
    private static final double LEAST_SHARE = 0.95;

    private OneThread() {}

    /**
     * Checks the environment.
     *
     * @throws IllegalStateException if {@code OPENBLAS_CORETYPE} is set: it would halve libtorch's speed, or ours
     */
    static void require() {
        String coreType = System.getenv("OPENBLAS_CORETYPE");
        if (coreType != null) {
            throw new IllegalStateException("Cannot start the benchmark: expected OPENBLAS_CORETYPE unset, got '"
                    + coreType + "'; unset it, OpenBLAS detects the processor itself");
        }
    }

    /** Runs something on this thread and says for which share of the time the thread had a core. */
    static <T> T watch(Supplier<T> timed) {
        var threads = ManagementFactory.getThreadMXBean();
        long start = System.nanoTime();
        long thread = threads.getCurrentThreadCpuTime();
        T result = timed.get();
        double share = (double) (threads.getCurrentThreadCpuTime() - thread) / (System.nanoTime() - start);
        System.out.printf(
                "# the thread had a core for %.0f %% of the time%s%n",
                100 * share, share < LEAST_SHARE ? ": OTHER PROGRAMS RUN, the results tell little" : "");
        return result;
    }

    /**
     * Runs a batch a few times and checks the processor time of the leanest run, in which the JVM compiled the least.
     *
     * @throws IllegalStateException if even that took more than one core
     */
    static void require(String name, Contender.Fusing batch) {
        double fewest = Double.MAX_VALUE;
        for (int run = 0; run < RUNS && fewest > MOST_CORES; run++) {
            fewest = Math.min(fewest, cores(batch));
        }
        if (fewest > MOST_CORES) {
            throw new IllegalStateException(
                    String.format("Cannot time %s: expected one core, got %.1f in use", name, fewest));
        }
    }

    private static double cores(Contender.Fusing batch) {
        var system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        var threads = ManagementFactory.getThreadMXBean();
        long process = system.getProcessCpuTime();
        long thread = threads.getCurrentThreadCpuTime();
        batch.run();
        return (double) (system.getProcessCpuTime() - process) / (threads.getCurrentThreadCpuTime() - thread);
    }
}
