package dev.braid.plan;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes of memory: as Spark's settings take them, and of the machine. */
public final class Memory {
    private static final long MIB = 1 << 20;
    private static final Pattern KIBIBYTES = Pattern.compile("(?m)^(MemTotal|SwapTotal):\\s+(\\d+) kB$");

    private Memory() {}

    /** A size as Spark's settings take it, {@code 8g} or {@code 2560m}. */
    public static String setting(long bytes) {
        long mebibytes = (bytes + MIB - 1) / MIB;
        return mebibytes % 1024 == 0 ? mebibytes / 1024 + "g" : mebibytes + "m";
    }

    /** The smallest multiple of {@code step} that is at least {@code bytes}. */
    static long roundUp(long bytes, long step) {
        return (bytes + step - 1) / step * step;
    }

    /**
     * The memory of this machine or, if that is less, of the container that the process is in, plus the machine's swap space;
     * {@link Long#MAX_VALUE} if unknown.
     */
    static long ofMachine() {
        long container = Math.min(
                limit(Path.of("/sys/fs/cgroup/memory.max")),
                limit(Path.of("/sys/fs/cgroup/memory/memory.limit_in_bytes")));
        return ofMachine(read(Path.of("/proc/meminfo")), container);
    }

    /** The same sum, from the text of {@code /proc/meminfo} and the limit of the process's control group. */
    static long ofMachine(String meminfo, long container) {
        long memory = Long.MAX_VALUE;
        long swap = 0;
        for (Matcher line = KIBIBYTES.matcher(meminfo); line.find(); ) {
            long bytes = Long.parseLong(line.group(2)) << 10;
            if (line.group(1).equals("MemTotal")) {
                memory = bytes;
            } else {
                swap = bytes;
            }
        }
        long least = Math.min(memory, container);
        return least == Long.MAX_VALUE ? least : least + swap;
    }

    /** The limit of a control group; {@link Long#MAX_VALUE} if there is none. */
    private static long limit(Path file) {
        String text = read(file).strip();
        return text.matches("\\d{1,18}") ? Long.parseLong(text) : Long.MAX_VALUE;
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (NoSuchFileException absent) {
            return "";
        } catch (IOException unreadable) {
            return ""; // the caller takes this as unknown
        }
    }
}
