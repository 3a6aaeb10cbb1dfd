package dev.braid.progress;

import java.io.IOException;
import java.io.Serializable;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The most memory that a JVM has used so far.
 *
 * @param heap bytes of the Java heap in use: the sum of its pools' peaks, which may have occurred at different times
 * @param resident bytes of the whole process in physical memory; 0 if the system does not say
 */
public record MemoryPeak(long heap, long resident) implements Serializable {
    private static final Pattern HIGH_WATER = Pattern.compile("(?m)^VmHWM:\\s+(\\d+) kB$");

    /** The peak of this JVM. */
    public static MemoryPeak here() {
        long heap = ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(pool -> pool.getType() == MemoryType.HEAP && pool.isValid())
                .map(MemoryPoolMXBean::getPeakUsage)
                .mapToLong(peak -> peak == null ? 0 : peak.getUsed())
                .sum();
        return new MemoryPeak(heap, highWater());
    }

    /** The larger of each number. */
    MemoryPeak and(MemoryPeak other) {
        return new MemoryPeak(Math.max(heap, other.heap), Math.max(resident, other.resident));
    }

    private static long highWater() {
        try {
            Matcher line = HIGH_WATER.matcher(Files.readString(Path.of("/proc/self/status")));
            return line.find() ? Long.parseLong(line.group(1)) << 10 : 0;
        } catch (IOException unknown) {
            return 0;
        }
    }
}
