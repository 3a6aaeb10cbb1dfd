package dev.braid.kernel;

/**
 * Multi-head attention for every row of a batch: {@code context = softmax(query key^T) value} per head, from a row's
 * queries to the same row's keys. The columns of a matrix hold the heads side by side. Vaswani et al. 2017 (arXiv
 * 1706.03762), equation 1; the factor {@code 1 / sqrt(D / H)} is already part of the queries. Grouped-query attention:
 * with G heads of keys and values, query head h reads head {@code h / (H / G)}. Ainslie et al. 2023 (arXiv 2305.13245),
 * section 2.2. All four matrices are float32, or all are bfloat16. With bfloat16, the softmax is rounded to bfloat16
 * before the product with the values.
 *
 * @param context [Q, D], written
 * @param query [Q, D], the queries of all rows
 * @param key [S, G D / H], the keys of all rows
 * @param value [S, G D / H]
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
