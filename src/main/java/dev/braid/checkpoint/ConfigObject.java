package dev.braid.checkpoint;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.braid.NearestName;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/**
 * One JSON object of {@code config.json}, from which values of exact types are read. A broken value is reported, and
 * read as null.
 */
final class ConfigObject {
    private final JsonNode node;
    private final String path;
    private final List<String> problems;

    /** @param path the prefix of its keys in error messages, with its dot, or empty */
    ConfigObject(JsonNode node, String path, List<String> problems) {
        this.node = node;
        this.path = path;
        this.problems = problems;
    }

    /** The value of a key, or null if it is absent. */
    JsonNode value(String key) {
        return node.get(key);
    }

    boolean has(String key) {
        return node.has(key);
    }

    /**
     * The object under a key. If it is absent, null or broken, an object without keys; only a broken one is reported.
     */
    ConfigObject object(String key) {
        JsonNode child = node.get(key);
        if (child == null || child.isNull()) {
            return new ConfigObject(MissingNode.getInstance(), path + key + ".", problems);
        }
        if (!child.isObject()) {
            bad(key, "an object", shown(child));
        }
        return new ConfigObject(child, path + key + ".", problems);
    }

    /** Reports every key that is not in {@code known}. */
    void checkKeys(Collection<String> known) {
        node.fieldNames().forEachRemaining(key -> {
            if (!known.contains(key)) {
                problems.add("Cannot use " + Quote.of(path + key) + " in config.json: expected a known key, got "
                        + Quote.of(key) + NearestName.hint(key, known));
            }
        });
    }

    /** A required size. */
    Integer size(String key) {
        return size(key, null);
    }

    /** A size, which is required if {@code byDefault} is null. */
    Integer size(String key, Integer byDefault) {
        JsonNode value = node.get(key);
        if (value == null && byDefault != null) {
            return byDefault;
        }
        if (value != null && value.isIntegralNumber() && value.canConvertToInt() && value.intValue() > 0) {
            return value.intValue();
        }
        bad(key, "a whole number from 1 to " + Integer.MAX_VALUE, shown(value));
        return null;
    }

    /** A required string. */
    String text(String key) {
        JsonNode value = node.get(key);
        if (value != null && value.isTextual()) {
            return value.textValue();
        }
        bad(key, "a string", shown(value));
        return null;
    }

    Boolean flag(String key, Boolean byDefault) {
        JsonNode value = node.get(key);
        if (value == null || value.isBoolean()) {
            return value == null ? byDefault : Boolean.valueOf(value.booleanValue());
        }
        bad(key, "true or false", shown(value));
        return null;
    }

    /** A positive number, or null if the key is absent. */
    Float positive(String key) {
        JsonNode value = node.get(key);
        if (value == null) {
            return null;
        }
        if (value.isNumber() && value.floatValue() > 0 && Float.isFinite(value.floatValue())) {
            return value.floatValue();
        }
        bad(key, "a positive float32", shown(value));
        return null;
    }

    /** One of {@code choices}, which maps spellings to values; {@code byDefault} if the key is absent. */
    <T> T choice(String key, T byDefault, Map<String, T> choices) {
        JsonNode value = node.get(key);
        if (value == null) {
            return byDefault;
        }
        if (value.isTextual() && choices.containsKey(value.textValue())) {
            return choices.get(value.textValue());
        }
        bad(key, "one of " + String.join(", ", choices.keySet()), shown(value));
        return null;
    }

    void bad(String key, String expected, String got) {
        problems.add("Cannot read " + Quote.of(path + key) + " in config.json: expected " + expected + ", got " + got);
    }

    static String shown(JsonNode node) {
        if (node == null) {
            return "no such key";
        }
        if (node.isMissingNode()) {
            return "an empty file";
        }
        return node.isTextual() ? Quote.of(node.textValue()) : Quote.cut(node.toString());
    }
}
