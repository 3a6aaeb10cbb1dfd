package dev.braid.bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The side of a contender that the benchmark's Python half talks to: one request per line on standard input, one answer per
 * line on standard output. {@code time} does the work once and answers with its seconds and its processor seconds; {@code
 * fuse FILE} writes the vectors that the work gives to a file, as little-endian float32.
 */
interface Worker {

    /** Does the work once, and returns the vector of each row; none if it fuses no rows. */
    float[][] run() throws Exception;

    /** Says that the work is ready, then answers until the input ends. */
    static void serve(Worker worker) throws Exception {
        var system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
        var requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        System.out.println("ready");
        for (String request = requests.readLine(); request != null; request = requests.readLine()) {
            long processor = system.getProcessCpuTime();
            long start = System.nanoTime();
            float[][] vectors = worker.run();
            double seconds = (System.nanoTime() - start) * 1e-9;
            if (request.equals("time")) {
                System.out.println(seconds + " " + (system.getProcessCpuTime() - processor) * 1e-9);
            } else {
                write(vectors, Path.of(request.substring("fuse ".length())));
                System.out.println("done");
            }
        }
    }

    private static void write(float[][] vectors, Path file) throws Exception {
        ByteBuffer bytes = ByteBuffer.allocate(vectors.length * vectors[0].length * Float.BYTES)
                .order(ByteOrder.LITTLE_ENDIAN);
        for (float[] vector : vectors) {
            for (float number : vector) {
                bytes.putFloat(number);
            }
        }
        Files.write(file, bytes.array());
    }
}
