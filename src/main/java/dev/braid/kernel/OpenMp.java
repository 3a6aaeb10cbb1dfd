package dev.braid.kernel;

import java.util.Map;
import org.nd4j.nativeblas.NativeOpsHolder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The OpenMP runtime whose threads native operations run on, oneDNN's among them. How many there are is a setting of each
 * calling thread, which is born with {@code OMP_NUM_THREADS} or all cores.
 */
final class OpenMp {
    private static final Logger log = LoggerFactory.getLogger(OpenMp.class);

    private OpenMp() {}

    /** The calling thread's native operations run on so many threads, itself among them, whatever the environment says. */
    static void bindThread(int threads) {
        NativeOpsHolder.getInstance().getDeviceNativeOps().setOmpNumThreads(threads);
    }

    /** Does work on the calling thread alone, which is bound to so many threads again. */
    static void alone(int threads, Runnable work) {
        bindThread(1);
        try {
            work.run();
        } finally {
            bindThread(threads);
        }
    }

    /**
     * As many threads as asked for; one where the environment lets the runtime start fewer. oneDNN splits a primitive's work
     * when it compiles it, and leaves undone what was meant for threads that then are not there.
     */
    static int dependable(int threads, Map<String, String> environment) {
        if (threads == 1 || !mayGiveFewer(threads, environment)) {
            return threads;
        }
        log.warn(
                "A task computes on 1 of its {} threads: OMP_DYNAMIC, OMP_THREAD_LIMIT or OMP_MAX_ACTIVE_LEVELS allows no"
                        + " fixed number of threads; unset them",
                threads);
        return 1;
    }

    /** Warns where the environment binds threads to cores: of each task to the same first ones. */
    static void warnWhereBound(Map<String, String> environment) {
        if (bindsThreads(environment)) {
            log.warn(
                    "Tasks may share cores: OMP_PROC_BIND, OMP_PLACES or GOMP_CPU_AFFINITY binds the threads of each to"
                            + " the first ones; unset them");
        }
    }

    /** As libgomp reads them: a list of places binds as well, unless binding is ruled out. */
    static boolean bindsThreads(Map<String, String> environment) {
        String bind = environment.getOrDefault("OMP_PROC_BIND", "").strip();
        return bind.isEmpty()
                ? environment.containsKey("OMP_PLACES") || environment.containsKey("GOMP_CPU_AFFINITY")
                : !bind.equalsIgnoreCase("false");
    }

    private static boolean mayGiveFewer(int threads, Map<String, String> environment) {
        return environment.getOrDefault("OMP_DYNAMIC", "").strip().equalsIgnoreCase("true")
                || number(environment.get("OMP_THREAD_LIMIT")) < threads
                || number(environment.get("OMP_MAX_ACTIVE_LEVELS")) < 1;
    }

    /** The largest number where the runtime would not understand the value, which it then ignores. */
    private static long number(String value) {
        try {
            return value == null ? Long.MAX_VALUE : Long.parseLong(value.strip());
        } catch (NumberFormatException ignored) {
            return Long.MAX_VALUE;
        }
    }
}
