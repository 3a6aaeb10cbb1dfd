package dev.braid;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The threads of this process as Linux counts them. One that native code starts has the name of the thread that started it,
 * of which Linux keeps 15 characters.
 */
public final class NativeThreads {
    private NativeThreads() {}

    /** How many have that name. */
    public static int named(String name) throws IOException {
        return processorTime(name).size();
    }

    /** Of each that has that name, by its number, the processor time in hundredths of a second. */
    public static Map<String, Long> processorTime(String name) throws IOException {
        Map<String, Long> times = new HashMap<>();
        List<Path> tasks = new ArrayList<>();
        try (Stream<Path> all = Files.list(Path.of("/proc/self/task"))) {
            all.forEach(tasks::add);
        }
        for (Path task : tasks) {
            String stat;
            try {
                stat = Files.readString(task.resolve("stat"));
            } catch (NoSuchFileException ended) {
                continue;
            }
            int open = stat.indexOf('(');
            int close = stat.lastIndexOf(')');
            if (stat.substring(open + 1, close).equals(name)) {
                String[] fields = stat.substring(close + 2).split(" ", -1);
                times.put(task.getFileName().toString(), Long.parseLong(fields[11]) + Long.parseLong(fields[12]));
            }
        }
        return times;
    }

    /** How many threads of that name have used processor time since {@code before}. */
    public static int busy(String name, Map<String, Long> before) throws IOException {
        Map<String, Long> now = processorTime(name);
        return (int) now.keySet().stream()
                .filter(thread -> now.get(thread) > before.getOrDefault(thread, 0L))
                .count();
    }
}
