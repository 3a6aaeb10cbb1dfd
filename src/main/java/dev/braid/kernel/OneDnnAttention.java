package dev.braid.kernel;

import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;

/**
 * Attention on oneDNN, one {@link AttentionTile} at a time; for rows of one or two tokens, {@link ShortAttention}. Keys,
 * values and queries are copied into the tile, padded with zeros and a mask, and the context is copied out. The copies
 * cost 2 % at 80 tokens. In return, products are compiled for only a few sizes (about 2 MB and some milliseconds each),
 * and no sum includes a number of a neighbouring row.
 */
final class OneDnnAttention implements AutoCloseable {
    private final OneDnnStream oneDnn;
    private final Map<AttentionTile, OneDnnTile> tiles = new HashMap<>();
    private final ShortAttention shortRows = new ShortAttention();
    /** The rows of the current call that are already computed. */
    private final BitSet done = new BitSet();
    /** The rows of the current tile. */
    private final int[] group = new int[AttentionTile.GROUP];

    OneDnnAttention(OneDnnStream oneDnn) {
        this.oneDnn = oneDnn;
    }

    /** The operands of one call, ready to be copied. */
    private record Operands(
            Attention attention,
            MatrixRows context,
            MatrixRows query,
            MatrixRows key,
            MatrixRows value,
            Matrix scratch) {
        Operands(Attention attention, Matrix scratch) {
            this(
                    attention,
                    MatrixRows.of(attention.context()),
                    MatrixRows.of(attention.query()),
                    MatrixRows.of(attention.key()),
                    MatrixRows.of(attention.value()),
                    scratch);
        }
    }

    /** See {@link Kernels#attention}. */
    void run(Attention attention, Matrix scratch) {
        Operands operands = new Operands(attention, scratch);
        AttentionRows rows = attention.rows();
        done.clear();
        runShort(attention);
        for (int row = done.nextClearBit(0); row < rows.count(); row = done.nextClearBit(row)) {
            int count = groupFrom(row, rows);
            AttentionTile sizes = AttentionTile.of(
                            rows.queries(row),
                            rows.keys(row),
                            attention.heads(),
                            attention.headSize(),
                            attention.query().isBfloat16())
                    .times(count);
            compute(sizes, operands);
        }
    }

    /** Computes the rows of one or two tokens. */
    private void runShort(Attention attention) {
        AttentionRows rows = attention.rows();
        HostRows context = HostRows.of(attention.context());
        HostRows query = HostRows.of(attention.query());
        HostRows key = HostRows.of(attention.key());
        HostRows value = HostRows.of(attention.value());
        for (int row = 0; row < rows.count(); row++) {
            if (ShortAttention.fits(rows.queries(row), rows.keys(row))) {
                shortRows.run(row, attention, context, query, key, value);
                done.set(row);
            }
        }
    }

    /**
     * Collects rows of the same lengths as {@code first} to compute together, and returns their number: a full group,
     * otherwise 1.
     */
    private int groupFrom(int first, AttentionRows rows) {
        int queries = rows.queries(first);
        int keys = rows.keys(first);
        int count = 0;
        if (Math.max(queries, keys) <= AttentionTile.SHORT) {
            for (int row = first; row < rows.count() && count < group.length; row++) {
                if (!done.get(row) && rows.queries(row) == queries && rows.keys(row) == keys) {
                    group[count++] = row;
                }
            }
        }
        if (count < group.length) {
            group[0] = first;
            count = 1;
        }
        for (int i = 0; i < count; i++) {
            done.set(group[i]);
        }
        return count;
    }

    private OneDnnTile tile(AttentionTile sizes) {
        OneDnnTile tile = tiles.get(sizes);
        if (tile == null) {
            tile = new OneDnnTile(sizes, oneDnn);
            tiles.put(sizes, tile);
        }
        return tile;
    }

    /** Computes the rows of the group, a part of their queries at a time. */
    private void compute(AttentionTile sizes, Operands operands) {
        OneDnnTile tile = tile(sizes);
        tile.bind(operands.scratch());
        AttentionRows rows = operands.attention().rows();
        int count = sizes.rows();
        int copies = operands.attention().queriesPerKey();
        for (int i = 0; i < count; i++) {
            int first = rows.key(group[i]);
            tile.fillKeys(i, operands.key(), operands.value(), first, rows.keys(group[i]), copies);
        }
        int queries = rows.queries(group[0]);
        for (int part = 0; part < queries; part += sizes.queries()) {
            int height = Math.min(sizes.queries(), queries - part);
            for (int i = 0; i < count; i++) {
                tile.fillQueries(i, operands.query(), rows.query(group[i]) + part, height);
            }
            tile.run(oneDnn, group, height, operands.attention().reader());
            for (int i = 0; i < count; i++) {
                tile.copyContext(i, operands.context(), rows.query(group[i]) + part, height);
            }
        }
    }

    @Override
    public void close() {
        tiles.values().forEach(OneDnnTile::close);
    }
}
