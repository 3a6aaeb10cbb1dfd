package dev.braid.kernel;

import java.util.Map;
import org.nd4j.nativeblas.NativeOpsHolder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The OpenMP runtime of the native operations, oneDNN's among them. How many threads it uses is a setting of each calling
 * thread, which is born with {@code OMP_NUM_THREADS} or all cores.
 */
final class OpenMp {
    private static final Logger log = LoggerFactory.getLogger(OpenMp.class);

    private OpenMp() {}

    /** The calling thread's native operations run on it alone, whatever the environment says. */
    static void bindThread() {
        NativeOpsHolder.getInstance().getDeviceNativeOps().setOmpNumThreads(1);
    }

    /** Warns where the environment binds threads to cores: each calling thread to the same one. */
    static void warnWhereBound(Map<String, String> environment) {
        if (bindsThreads(environment)) {
            log.warn(
                    "Tasks may share a core: OMP_PROC_BIND, OMP_PLACES or GOMP_CPU_AFFINITY binds the threads of all to the"
                            + " first one; unset them");
        }
    }

    /** As libgomp reads them: a list of places binds as well, unless binding is ruled out. */
    static boolean bindsThreads(Map<String, String> environment) {
        String bind = environment.getOrDefault("OMP_PROC_BIND", "").strip();
        return bind.isEmpty()
                ? environment.containsKey("OMP_PLACES") || environment.containsKey("GOMP_CPU_AFFINITY")
                : !bind.equalsIgnoreCase("false");
    }
}
