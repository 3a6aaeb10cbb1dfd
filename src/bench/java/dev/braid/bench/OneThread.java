package dev.braid.bench;

import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;

/** Holds what makes the contenders comparable: one core each, and a BLAS that chose its own kernels. */
final class OneThread {
    private static final double MOST_CORES = 1.3;

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

    /**
     * Runs a batch twice and checks the processor time of the second.
     *
     * @throws IllegalStateException if it took more than one core
     */
    static void require(String name, Contender.Fusing batch) {
        var system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        var threads = ManagementFactory.getThreadMXBean();
        batch.run();
        long process = system.getProcessCpuTime();
        long thread = threads.getCurrentThreadCpuTime();
        batch.run();
        double cores = (double) (system.getProcessCpuTime() - process) / (threads.getCurrentThreadCpuTime() - thread);
        if (cores > MOST_CORES) {
            throw new IllegalStateException(
                    "Cannot time " + name + ": expected one core, got " + String.format("%.1f", cores) + " in use");
        }
    }
}
