package dev.braid.kernel;

import java.util.Map;
import org.nd4j.nativeblas.NativeOpsHolder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The OpenMP runtime of the native operations, including oneDNN's. The number of threads is a setting of each calling
 * thread. It is initially {@code OMP_NUM_THREADS}, or the number of cores.
 */
final class OpenMp {
    private static final Logger log = LoggerFactory.getLogger(OpenMp.class);

    private OpenMp() {}

    /** Makes the native operations of the calling thread use only this thread, whatever the environment says. */
    static void bindThread() {
        NativeOpsHolder.getInstance().getDeviceNativeOps().setOmpNumThreads(1);
    }

    /**
     * Warns if the environment binds threads to cores, because OpenMP would bind every calling thread to the same core.
     */
    static void warnIfBound(Map<String, String> environment) {
        if (bindsThreads(environment)) {
            log.warn("Tasks may share a core: OMP_PROC_BIND, OMP_PLACES or GOMP_CPU_AFFINITY binds the threads of all"
                    + " tasks to the first core; unset them");
        }
    }

    /**
     * Whether libgomp binds threads under this environment: OMP_PROC_BIND decides; if it is not set, a list of places
     * binds too.
     */
    static boolean bindsThreads(Map<String, String> environment) {
        String bind = environment.getOrDefault("OMP_PROC_BIND", "").strip();
        return bind.isEmpty()
                ? environment.containsKey("OMP_PLACES") || environment.containsKey("GOMP_CPU_AFFINITY")
                : !bind.equalsIgnoreCase("false");
    }
}
