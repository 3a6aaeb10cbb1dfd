package dev.braid.kernel;

import java.util.function.IntUnaryOperator;

/**
 * Which queries and keys belong to which row of a batch. Row r has the queries {@code firstQuery(r)} to
 * {@code firstQuery(r + 1) - 1} and the keys {@code firstKey(r)} to {@code firstKey(r + 1) - 1}, at least one of each.
 *
 * @param count how many rows there are
 * @param firstQuery the index of a row's first query among all queries
 * @param firstKey the index of a row's first key among all keys
 */
public record AttentionRows(int count, IntUnaryOperator firstQuery, IntUnaryOperator firstKey) {

    int query(int row) {
        return firstQuery.applyAsInt(row);
    }

    int queries(int row) {
        return query(row + 1) - query(row);
    }

    int key(int row) {
        return firstKey.applyAsInt(row);
    }

    int keys(int row) {
        return key(row + 1) - key(row);
    }
}
