package dev.braid.kernel;

/**
 * The multi-head attention of every row of a batch: {@code context = softmax(query key^T) value} per head, of a row's queries to
 * its own keys, heads side by side in the columns. Vaswani et al. 2017 (arXiv 1706.03762), equation 1, of queries that already
 * carry its factor {@code 1 / sqrt(D / H)}. Keys and values of fewer heads are grouped: with G heads of them, query head h reads
 * head {@code h / (H / G)}. Ainslie et al. 2023 (arXiv 2305.13245), section 2.2.
 *
 * @param context [Q, D], written
 * @param query [Q, D], those of all rows
 * @param key [S, G D / H], those of all rows
 * @param value [S, G D / H]
 * @param rows which of them belong together
 * @param heads H, a divisor of D
 * @param reader is handed the softmax of every query, or null
 */
public record Attention(
        Matrix context, Matrix query, Matrix key, Matrix value, AttentionRows rows, int heads, SoftmaxReader reader) {

    int headSize() {
        return query.columns() / heads;
    }

    /** How many query heads read the same head of keys and values: 1 where these are not grouped. */
    int queriesPerKey() {
        return query.columns() / key.columns();
    }
}
