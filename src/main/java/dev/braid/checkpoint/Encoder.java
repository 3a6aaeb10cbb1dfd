package dev.braid.checkpoint;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * Where a checkpoint keeps its encoder.
 *
 * @param prefix with its dot, or empty
 * @param stacked whether layers are numbered, or one stands right under the prefix
 */
record Encoder(Dialect dialect, String prefix, boolean stacked) {
    private static final int MAX_DIGITS = 9;

    /** No module nests deeper than this many characters. */
    private static final int LONGEST_PREFIX = 1000;

    /**
     * Every encoder that the names tell of, each with the tensor that told of it. A numbered layer is known by its query
     * or first feed-forward weight, one without a number by its query weight alone.
     */
    static Map<Encoder, String> find(Collection<String> stored, Collection<Dialect> dialects) {
        Map<Encoder, String> found = new LinkedHashMap<>();
        for (String tensor : stored) {
            for (Dialect dialect : dialects) {
                String layer = dialect.layer().queries().stream()
                        .map(query -> before(tensor, query))
                        .filter(Objects::nonNull)
                        .findFirst()
                        .orElse(null);
                boolean known = layer != null && !dialect.published();
                if (layer == null) {
                    layer = before(tensor, dialect.layer().feedForward1());
                }
                if (layer == null || layer.length() > LONGEST_PREFIX) {
                    continue;
                }
                String prefix = beforeNumber(layer, dialect.stack());
                if (prefix != null) {
                    found.putIfAbsent(new Encoder(dialect, prefix, true), tensor);
                } else if (known) {
                    found.putIfAbsent(new Encoder(dialect, layer, false), tensor);
                }
            }
        }
        return found;
    }

    /** What stands before a part's weight in a tensor's name, or null. */
    private static String before(String tensor, Part part) {
        for (String name : part.names()) {
            String weight = Part.weight(name);
            if (tensor.endsWith(weight)) {
                String prefix = tensor.substring(0, tensor.length() - weight.length());
                if (isPrefix(prefix)) {
                    return prefix;
                }
            }
        }
        return null;
    }

    /** What stands before {@code stack} and a number at the end of {@code layer}, or null. */
    private static String beforeNumber(String layer, String stack) {
        int digits = layer.length() - 1;
        while (digits > 0 && isDigit(layer.charAt(digits - 1))) {
            digits--;
        }
        int length = layer.length() - 1 - digits;
        int prefix = digits - stack.length();
        boolean numbered = length >= 1 && length <= MAX_DIGITS && prefix >= 0 && layer.startsWith(stack, prefix);
        return numbered && isPrefix(layer.substring(0, prefix)) ? layer.substring(0, prefix) : null;
    }

    private static boolean isPrefix(String prefix) {
        return prefix.isEmpty() || prefix.endsWith(".");
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }

    /** Whether {@code given}, with its dot, is this encoder's prefix, or that and the beginning of what follows it. */
    boolean isUnder(String given) {
        String module = prefix + (stacked ? dialect.stack() : "");
        return given.startsWith(prefix) && module.startsWith(given);
    }

    /** What stands before the parts of layer {@code i}. */
    String layer(int i) {
        return stacked ? prefix + dialect.stack() + i + "." : prefix;
    }

    /** The number of the layer that a tensor belongs to, or -1. */
    int layerOf(String tensor) {
        int number = prefix.length() + dialect.stack().length();
        if (!stacked || !tensor.startsWith(prefix) || !tensor.startsWith(dialect.stack(), prefix.length())) {
            return -1;
        }
        int end = number;
        while (end < tensor.length() && isDigit(tensor.charAt(end))) {
            end++;
        }
        boolean numbered = end > number && end - number <= MAX_DIGITS && tensor.startsWith(".", end);
        return numbered ? Integer.parseInt(tensor, number, end, 10) : -1;
    }

    /** What stands behind the number of the layer that a tensor belongs to, or null. */
    String withinLayer(String tensor) {
        if (!stacked) {
            return tensor.startsWith(prefix) ? tensor.substring(prefix.length()) : null;
        }
        int number = prefix.length() + dialect.stack().length();
        return layerOf(tensor) < 0 ? null : tensor.substring(tensor.indexOf('.', number) + 1);
    }

    /** The name of a part around the layers: behind the prefix or, where the dialect allows it, above. */
    String around(Part part, Collection<String> stored) {
        if (!dialect.published()) {
            for (int dot = 0; dot < prefix.length(); dot = prefix.indexOf('.', dot) + 1) {
                String above = part.in(stored, prefix.substring(0, dot));
                if (Part.isStored(above, stored)) {
                    return above;
                }
            }
        }
        String behind = part.in(stored, prefix);
        return dialect.published() || Part.isStored(behind, stored)
                ? behind
                : part.names().get(0);
    }
}
