package dev.braid.progress;

import dev.braid.decode.Reason;
import java.io.Serializable;
import java.util.EnumMap;
import java.util.Map;

/**
 * What was fused by a task, in a JVM or in a run.
 *
 * @param rows that were handed out
 * @param tokens of these rows: of all modalities, and CLS tokens
 * @param multiplyAdds of all matrix products; each is two floating-point operations
 * @param badRows rows that cannot be fused, by reason; a reason without rows has no entry
 */
public record Work(long rows, long tokens, long multiplyAdds, Map<Reason, Long> badRows) implements Serializable {
    /** No work. */
    public static final Work NONE = new Work(0, 0, 0, Map.of());

    /** The sum of both. */
    Work plus(Work other) {
        Map<Reason, Long> bad = new EnumMap<>(Reason.class);
        bad.putAll(badRows);
        other.badRows.forEach((reason, more) -> bad.merge(reason, more, Long::sum));
        return new Work(rows + other.rows, tokens + other.tokens, multiplyAdds + other.multiplyAdds, bad);
    }
}
