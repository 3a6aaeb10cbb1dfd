package dev.braid.spark;

import java.io.Serializable;
import org.apache.spark.SparkContext;
import org.apache.spark.util.LongAccumulator;

/**
 * What a fusion has done so far, seen from the driver: it grows whenever a task ends. The counts are exact once the
 * fused table has been written, as Spark counts each partition of a result stage once; a table that is computed twice
 * counts twice.
 */
public final class FusionProgress implements Serializable {
    private static final long serialVersionUID = 1L;

    private final LongAccumulator rows;
    private final LongAccumulator tokens;
    private final LongAccumulator multiplyAdds;
    private final LongAccumulator truncated;

    FusionProgress(
            LongAccumulator rows, LongAccumulator tokens, LongAccumulator multiplyAdds, LongAccumulator truncated) {
        this.rows = rows;
        this.tokens = tokens;
        this.multiplyAdds = multiplyAdds;
        this.truncated = truncated;
    }

    /** Counters at zero. */
    public static FusionProgress start(SparkContext spark) {
        return new FusionProgress(
                spark.longAccumulator("fused rows"),
                spark.longAccumulator("fused tokens"),
                spark.longAccumulator("multiply-adds"),
                spark.longAccumulator("truncated rows"));
    }

    public long rows() {
        return rows.value();
    }

    /** Tokens of all modalities, and CLS tokens. */
    public long tokens() {
        return tokens.value();
    }

    /** Multiply-adds of all matrix products; twice as many floating-point operations. */
    public long multiplyAdds() {
        return multiplyAdds.value();
    }

    /** Rows of which a sequence was cut to the positions that the model has. */
    public long truncated() {
        return truncated.value();
    }

    /** In a task: one packed batch is fused. */
    void add(long batchRows, long batchTokens, long batchMultiplyAdds, long batchTruncated) {
        rows.add(batchRows);
        tokens.add(batchTokens);
        multiplyAdds.add(batchMultiplyAdds);
        truncated.add(batchTruncated);
    }
}
