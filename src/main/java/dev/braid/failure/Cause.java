package dev.braid.failure;

import dev.braid.InputException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One exception of a failure.
 *
 * @param types the full names of its class and superclasses; a single name if it was found in a text
 * @param message the first line of its message
 */
record Cause(List<String> types, String message) {
    private static final int MOST = 200;

    /**
     * An exception in the text of a task's failure. The text is all that is left of an exception that cannot be deserialised.
     */
    private static final Pattern IN_TEXT = Pattern.compile(
            "(?m)(?:^Caused by: |most recent failure: .*\\): )((?:[\\w$]+\\.)+[\\w$]*(?:Exception|Error)[\\w$]*)(?:: (.*))?$");

    /** An exception in the message of an {@link InputException} that lists several problems and therefore has no cause. */
    private static final Pattern IN_PROBLEM = Pattern.compile("got ([A-Z]\\w*(?:Exception|Error))(?:: (.*))?");

    private static final Pattern TASK = Pattern.compile(" most recent failure: .*", Pattern.DOTALL);

    /** The causes of {@code failure}, from the outermost to the root, without suppressed exceptions. */
    static List<Cause> chain(Throwable failure) {
        List<Cause> chain = new ArrayList<>();
        for (Throwable thrown = failure; thrown != null && chain.size() < MOST; thrown = thrown.getCause()) {
            add(thrown, chain);
        }
        return chain;
    }

    /** All causes of {@code failure}, and all exceptions that were suppressed along the way. */
    static List<Cause> all(Throwable failure) {
        List<Cause> all = new ArrayList<>();
        collect(failure, Collections.newSetFromMap(new IdentityHashMap<>()), all);
        return all;
    }

    private static void collect(Throwable thrown, Set<Throwable> seen, List<Cause> all) {
        if (thrown == null || all.size() >= MOST || !seen.add(thrown)) {
            return;
        }
        add(thrown, all);
        if (thrown instanceof InputException && thrown.getCause() == null) {
            addInText(IN_PROBLEM, String.valueOf(thrown.getMessage()), all);
        }
        collect(thrown.getCause(), seen, all);
        for (Throwable suppressed : thrown.getSuppressed()) {
            collect(suppressed, seen, all);
        }
    }

    private static void add(Throwable thrown, List<Cause> causes) {
        List<String> types = new ArrayList<>();
        for (Class<?> type = thrown.getClass(); type != Throwable.class; type = type.getSuperclass()) {
            types.add(type.getName());
        }
        String message = String.valueOf(thrown.getMessage());
        List<Cause> inText = new ArrayList<>();
        if (thrown.getCause() == null && types.get(0).startsWith("org.apache.spark.")) {
            addInText(IN_TEXT, message, inText);
        }
        // The message quotes what a task threw, which comes next as a cause of its own.
        boolean quoted = thrown.getCause() != null || !inText.isEmpty();
        String own = quoted ? TASK.matcher(message).replaceFirst("") : message;
        causes.add(new Cause(types, own.lines().findFirst().orElse("")));
        causes.addAll(inText);
    }

    private static void addInText(Pattern pattern, String text, List<Cause> causes) {
        Matcher matcher = pattern.matcher(text);
        for (int found = 0; found < MOST && matcher.find(); found++) {
            causes.add(new Cause(List.of(matcher.group(1)), matcher.group(2) == null ? "" : matcher.group(2)));
        }
    }

    /** Whether its class or one of its superclasses has one of these simple names. */
    boolean is(Set<String> simpleNames) {
        return types.stream().anyMatch(type -> simpleNames.contains(simpleName(type)));
    }

    /** Whether its class is in one of these packages, each written with its last dot. */
    boolean isIn(List<String> packages) {
        return packages.stream().anyMatch(types.get(0)::startsWith);
    }

    boolean says(List<String> texts) {
        return texts.stream().anyMatch(message::contains);
    }

    private static String simpleName(String type) {
        return type.substring(Math.max(type.lastIndexOf('.'), type.lastIndexOf('$')) + 1);
    }

    /** The exception as messages quote it. */
    @Override
    public String toString() {
        String name = simpleName(types.get(0));
        return message.isEmpty() || message.equals("null") ? name : name + ": " + message;
    }
}
