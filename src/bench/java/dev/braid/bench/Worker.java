package dev.braid.bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * The side of a contender that the benchmark's Python half talks to: one request per line on standard input, one answer per
 * line on standard output. {@code time} does the work once and answers with its seconds and its processor seconds, {@code
 * fuse FILE} writes the result to a file. The same requests as {@code braid_bench.worker} takes.
 */
interface Worker {

    /** Does the work once. */
    void run();

    /** Does the work once and writes its result to a file: float32, little-endian. */
    void write(Path file) throws IOException;

    /**
     * Says that the work is ready, then answers until the input ends.
     *
     * @param variant how the work is done, for the report
     */
    static void serve(Worker worker, String variant) throws IOException {
        var system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        var requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        System.out.println("ready " + variant);
        for (String request = requests.readLine(); request != null; request = requests.readLine()) {
            if (request.equals("time")) {
                long processor = system.getProcessCpuTime();
                long start = System.nanoTime();
                worker.run();
                System.out.println(
                        (System.nanoTime() - start) * 1e-9 + " " + (system.getProcessCpuTime() - processor) * 1e-9);
            } else {
                worker.write(Path.of(request.substring("fuse ".length())));
                System.out.println("done");
            }
        }
    }
}
