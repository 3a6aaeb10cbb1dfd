package dev.braid.checkpoint;

import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Maps the names of the tensors in the files to clean names: without the segments that module wrappers add, and with
 * {@code weight} and {@code bias} instead of a LayerNorm's {@code gamma} and {@code beta}. Tensors that would get the
 * same clean name keep their names in the files.
 */
final class CleanNames {
    /** Attributes under which torch.compile, FSDP, activation checkpointing and Lightning keep the module they wrap. */
    private static final Pattern WRAPPER = Pattern.compile(
            "(?<![^.])(_orig_mod|_fsdp_wrapped_module|_fpw_module|_checkpoint_wrapped_module|_forward_module)\\.");

    /**
     * Attributes that mean a wrapper if the module has no other attribute: {@code module} of DistributedDataParallel,
     * DataParallel, DeepSpeed and AveragedModel, {@code _module} of Opacus.
     */
    private static final Set<String> LONE_WRAPPERS = Set.of("module", "_module");

    /** The counter that torch.optim.swa_utils.AveragedModel keeps in addition to {@code module}. */
    private static final String COUNTER = "n_averaged";

    private static final String GAMMA = "gamma";
    private static final String BETA = "beta";

    /** Names with more characters keep their wrappers; no real module nests that deep. */
    private static final int LONGEST = 1000;

    /** The names in the files without the segments that match {@link #WRAPPER}; counters are omitted. */
    private final NavigableSet<String> unwrapped = new TreeSet<>();
    /** Clean prefixes, empty or with a dot at the end, after which a lone wrapper was removed. */
    private final Set<String> loneWrappers = new HashSet<>();

    /** The clean name of each name in the files. */
    private final Map<String, String> clean = new HashMap<>();

    private final Set<String> removed = new TreeSet<>();
    private int renamedNorms;

    /** @param stored the names in the files */
    CleanNames(Collection<String> stored) {
        stored.stream()
                .map(name -> withoutWrappers(name, new HashSet<>()))
                .filter(name -> !name.equals(COUNTER) && !name.endsWith("." + COUNTER))
                .forEach(unwrapped::add);
        for (String name : stored) {
            clean.put(name, withoutLoneWrappers(withoutWrappers(name, removed), this::isAlone));
        }
        renameNorms();
        keepAmbiguousNames();
    }

    /** The clean name of a tensor in the files. */
    String of(String stored) {
        return clean.get(stored);
    }

    /** Whether a tensor is the {@link #COUNTER} of an AveragedModel, which is not part of the model. */
    boolean isCounter(String stored) {
        String name = clean.get(stored);
        return name.endsWith(COUNTER) && loneWrappers.contains(name.substring(0, name.length() - COUNTER.length()));
    }

    /** The clean form of a prefix from a config; neither ends with a dot. */
    String prefix(String written) {
        String dotted = written + ".";
        if (written.isEmpty() || clean.values().stream().anyMatch(name -> name.startsWith(dotted))) {
            return written;
        }
        String prefix = withoutLoneWrappers(
                withoutWrappers(dotted, new HashSet<>()), (parent, child, shorter) -> loneWrappers.contains(shorter));
        return prefix.substring(0, Math.max(0, prefix.length() - 1));
    }

    /** The different segments that were removed from names, sorted. */
    Set<String> removed() {
        return removed;
    }

    /** How many LayerNorms are stored as gamma and beta. */
    int renamedNorms() {
        return renamedNorms;
    }

    private static String withoutWrappers(String name, Set<String> found) {
        if (name.length() > LONGEST) {
            return name;
        }
        Matcher wrapper = WRAPPER.matcher(name);
        return wrapper.replaceAll(match -> {
            found.add(match.group(1));
            return "";
        });
    }

    /**
     * Decides whether a segment in {@link #LONE_WRAPPERS} is a wrapper, by the prefix before it, the prefix including
     * it, and the clean prefix before it.
     */
    private interface Choice {
        boolean isWrapper(String parent, String child, String clean);
    }

    private static String withoutLoneWrappers(String name, Choice choice) {
        if (name.length() > LONGEST || LONE_WRAPPERS.stream().noneMatch(name::contains)) {
            return name;
        }
        StringBuilder shorter = new StringBuilder();
        int start = 0;
        for (int dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', start)) {
            boolean isWrapper = LONE_WRAPPERS.contains(name.substring(start, dot))
                    && choice.isWrapper(name.substring(0, start), name.substring(0, dot + 1), shorter.toString());
            if (!isWrapper) {
                shorter.append(name, start, dot + 1);
            }
            start = dot + 1;
        }
        return shorter.append(name, start, name.length()).toString();
    }

    /** Whether every name under {@code parent} is also under {@code child}. If so, records the wrapper. */
    private boolean isAlone(String parent, String child, String shorter) {
        String first = unwrapped.ceiling(parent);
        // Names are sorted: if the first and the last one are under the child, all are.
        boolean alone = first != null
                && first.startsWith(child)
                && unwrapped.lower(parent + Character.MAX_VALUE).startsWith(child);
        if (alone) {
            loneWrappers.add(shorter);
            removed.add(child.substring(parent.length(), child.length() - 1));
        }
        return alone;
    }

    private void renameNorms() {
        Set<String> names = new HashSet<>(clean.values());
        clean.replaceAll((stored, name) -> {
            String norm = name.endsWith(GAMMA)
                    ? name.substring(0, name.length() - GAMMA.length())
                    : name.endsWith(BETA) ? name.substring(0, name.length() - BETA.length()) : null;
            boolean isNorm = norm != null
                    && (norm.isEmpty() || norm.endsWith("."))
                    && names.contains(norm + GAMMA)
                    && names.contains(norm + BETA)
                    && !names.contains(norm + "weight")
                    && !names.contains(norm + "bias");
            if (!isNorm) {
                return name;
            }
            renamedNorms += name.endsWith(GAMMA) ? 1 : 0;
            return norm + (name.endsWith(GAMMA) ? "weight" : "bias");
        });
    }

    /** Restores the names in the files of tensors that share a clean name, until all names differ. */
    private void keepAmbiguousNames() {
        boolean shared = true;
        while (shared) {
            Map<String, Integer> uses = new HashMap<>();
            clean.values().forEach(name -> uses.merge(name, 1, Integer::sum));
            shared = uses.size() < clean.size();
            clean.replaceAll((stored, name) -> uses.get(name) == 1 ? name : stored);
        }
    }
}
