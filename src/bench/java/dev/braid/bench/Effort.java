package dev.braid.bench;

import java.util.List;

/**
 * How much is measured.
 *
 * @param rounds of a work that takes about a second
 * @param largeRounds of the large shapes' works, which take several seconds
 * @param share of a shape's rows that one round goes through, 1 / share
 * @param trials whether rivals try several batch sizes, and arrival order at large shapes too
 * @param kernelSeconds of one matrix product in one round
 * @param shapes that are measured
 */
record Effort(int rounds, int largeRounds, int share, boolean trials, double kernelSeconds, List<EncoderShape> shapes) {

    private static final List<EncoderShape> JUDGED = List.of(EncoderShape.I, EncoderShape.II, EncoderShape.IV);

    /** About five minutes. */
    static final Effort QUICK = new Effort(5, 3, 2, false, 0.05, JUDGED);

    /** About half an hour. */
    static final Effort FULL = new Effort(11, 5, 1, true, 0.1, List.of(EncoderShape.values()));

    /** As this one, with as many rounds and rows as two slots need at the shapes that Braid's slots are judged by. */
    Effort forSlots() {
        List<EncoderShape> judged = shapes.stream()
                .filter(shape -> trials ? JUDGED.contains(shape) : shape == EncoderShape.II)
                .toList();
        return new Effort(rounds, Math.min(3, largeRounds), 2 * share, false, kernelSeconds, judged);
    }

    int rounds(EncoderShape shape) {
        return shape.isLarge() ? largeRounds : rounds;
    }

    int rows(EncoderShape shape) {
        return Math.max(1, shape.rows() / share);
    }

    /** Whether rivals run in arrival order as well. */
    boolean runsArrivalOrder(EncoderShape shape, TextLength text) {
        return text == TextLength.RAGGED && (trials || !shape.isLarge());
    }

    /** What the rivals try: sorted by length, where that makes a difference. */
    List<Batching> batchings(EncoderShape shape, TextLength text) {
        List<Integer> sizes = trials ? shape.batchRows() : shape.batchRows().subList(0, 1);
        return sizes.stream()
                .map(rows -> new Batching(text == TextLength.RAGGED, rows))
                .toList();
    }

    Effort withRounds(int count) {
        return new Effort(count, count, share, trials, kernelSeconds, shapes);
    }

    Effort withShapes(List<EncoderShape> chosen) {
        return new Effort(rounds, largeRounds, share, trials, kernelSeconds, chosen);
    }
}
