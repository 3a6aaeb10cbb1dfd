package dev.braid.checkpoint;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * Where a state dict keeps a stack of layers: the names of its tensors are the prefix, the number of a layer, and then a
 * name of the dialect.
 *
 * @param prefix how all names of its tensors begin, with a dot at the end, or empty
 * @param numbered whether its layers are numbered; otherwise the prefix is that of a single layer
 */
record StackLocation(Dialect dialect, String prefix, boolean numbered) {
    private static final int MAX_DIGITS = 9;

    /** The longest prefix in characters; no module nests deeper. */
    private static final int LONGEST_PREFIX = 1000;

    /**
     * All stacks that are recognised among the stored names, each with the tensor by which it was recognised. A
     * numbered layer is recognised by its query weight or its first feed-forward weight, a layer without a number only
     * by its query weight.
     */
    static Map<StackLocation, String> find(Collection<String> stored, Collection<Dialect> dialects) {
        Map<StackLocation, String> found = new LinkedHashMap<>();
        for (String tensor : stored) {
            for (Dialect dialect : dialects) {
                String layer = dialect.layer().queries().stream()
                        .map(query -> before(tensor, query))
                        .filter(Objects::nonNull)
                        .findFirst()
                        .orElse(null);
                boolean byQuery = layer != null && !dialect.published();
                if (layer == null) {
                    layer = before(tensor, dialect.layer().feedForward1());
                }
                if (layer == null || layer.length() > LONGEST_PREFIX) {
                    continue;
                }
                String prefix = beforeNumber(layer, dialect.stack());
                if (prefix != null) {
                    found.putIfAbsent(new StackLocation(dialect, prefix, true), tensor);
                } else if (byQuery) {
                    found.putIfAbsent(new StackLocation(dialect, layer, false), tensor);
                }
            }
        }
        return found;
    }

    /** The prefix in a tensor's name if the rest names the weight of {@code part}, or null. */
    private static String before(String tensor, ParameterNames part) {
        for (String name : part.names()) {
            String weight = ParameterNames.weight(name);
            if (tensor.endsWith(weight)) {
                String prefix = tensor.substring(0, tensor.length() - weight.length());
                if (isPrefix(prefix)) {
                    return prefix;
                }
            }
        }
        return null;
    }

    /** The prefix in {@code layer} if the rest is {@code stack}, a number and a dot, or null. */
    private static String beforeNumber(String layer, String stack) {
        int digits = layer.length() - 1;
        while (digits > 0 && isDigit(layer.charAt(digits - 1))) {
            digits--;
        }
        int length = layer.length() - 1 - digits;
        int prefix = digits - stack.length();
        boolean hasNumber = length >= 1 && length <= MAX_DIGITS && prefix >= 0 && layer.startsWith(stack, prefix);
        return hasNumber && isPrefix(layer.substring(0, prefix)) ? layer.substring(0, prefix) : null;
    }

    private static boolean isPrefix(String prefix) {
        return prefix.isEmpty() || prefix.endsWith(".");
    }

    private static boolean isDigit(char c) {
        return c >= '0' && c <= '9';
    }

    /**
     * Whether {@code given}, with its dot, points to this stack: to its prefix, or to a module between that and the
     * layers.
     */
    boolean isUnder(String given) {
        String module = prefix + (numbered ? dialect.stack() : "");
        return given.startsWith(prefix) && module.startsWith(given);
    }

    /** The prefix of the parts of layer {@code i}. */
    String layer(int i) {
        return numbered ? prefix + dialect.stack() + i + "." : prefix;
    }

    /** The number of the layer that a tensor belongs to, or -1. */
    int layerOf(String tensor) {
        int number = prefix.length() + dialect.stack().length();
        if (!numbered || !tensor.startsWith(prefix) || !tensor.startsWith(dialect.stack(), prefix.length())) {
            return -1;
        }
        int end = number;
        while (end < tensor.length() && isDigit(tensor.charAt(end))) {
            end++;
        }
        boolean hasNumber = end > number && end - number <= MAX_DIGITS && tensor.startsWith(".", end);
        return hasNumber ? Integer.parseInt(tensor, number, end, 10) : -1;
    }

    /** The rest of a tensor's name after the prefix of its layer; null if it belongs to no layer. */
    String withinLayer(String tensor) {
        if (!numbered) {
            return tensor.startsWith(prefix) ? tensor.substring(prefix.length()) : null;
        }
        int number = prefix.length() + dialect.stack().length();
        return layerOf(tensor) < 0 ? null : tensor.substring(tensor.indexOf('.', number) + 1);
    }

    /**
     * The name of a part around the layers, which follows the stack's prefix or, in an unpublished dialect, a shorter
     * one.
     */
    String around(ParameterNames part, Collection<String> stored) {
        if (!dialect.published()) {
            for (int dot = 0; dot < prefix.length(); dot = prefix.indexOf('.', dot) + 1) {
                String above = part.in(stored, prefix.substring(0, dot));
                if (ParameterNames.isStored(above, stored)) {
                    return above;
                }
            }
        }
        String below = part.in(stored, prefix);
        return dialect.published() || ParameterNames.isStored(below, stored)
                ? below
                : part.names().get(0);
    }
}
