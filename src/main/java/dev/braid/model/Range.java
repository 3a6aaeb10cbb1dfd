package dev.braid.model;

import java.util.ArrayList;
import java.util.List;

/**
 * Neighbouring tokens of the packed order.
 *
 * @param first index of the first one
 * @param count how many there are
 */
record Range(int first, int count) {

    /** The fewest parts of at most {@code most} tokens that make up this range, of nearly equal size. */
    List<Range> parts(int most) {
        int parts = (count + most - 1) / most;
        List<Range> ranges = new ArrayList<>(parts);
        for (int part = 0; part < parts; part++) {
            int from = (int) ((long) count * part / parts);
            int to = (int) ((long) count * (part + 1) / parts);
            ranges.add(new Range(first + from, to - from));
        }
        return ranges;
    }
}
