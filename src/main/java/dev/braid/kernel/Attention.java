package dev.braid.kernel;

/**
 * Multi-head attention for every row of a batch: {@code context = softmax(query key^T) value} per head, from a row's
 * queries to the same row's keys (Vaswani et al. 2017, arXiv 1706.03762, equation 1). The factor {@code 1 / sqrt(D /
 * H)} is already part of the queries. The columns of a matrix hold the heads side by side.
 *
 * <p>In grouped-query attention (Ainslie et al. 2023, arXiv 2305.13245, section 2.2), keys and values have fewer heads
 * than queries, so G is smaller than D. Query head h reads head {@code h / (D / G)} of the keys and values.
 *
 * <p>All four matrices are float32, or all are bfloat16. With bfloat16, the softmax is rounded to bfloat16 before the
 * product with the values, unless the row has only one or two tokens.
 *
 * @param context [Q, D], written
 * @param query [Q, D], the queries of all rows
 * @param key [S, G], the keys of all rows
 * @param value [S, G], the values of all rows
 * @param rows which queries and keys belong to which row
 * @param heads H, a divisor of D
 * @param reader receives the softmax of every query, or null
 */
public record Attention(
        Matrix context, Matrix query, Matrix key, Matrix value, AttentionRows rows, int heads, SoftmaxReader reader) {

    int headSize() {
        return query.columns() / heads;
    }

    /** How many query heads share one head of keys and values; 1 without grouping. */
    int queriesPerKey() {
        return query.columns() / key.columns();
    }
}
