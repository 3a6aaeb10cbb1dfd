package dev.braid.bench;

import dev.braid.bench.report.Measurement;
import dev.braid.bench.report.Part;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The bare matrix products of an encoder's Linears, each measured hot and weighted by its share of the encoder's work. */
final class Peak implements AutoCloseable {
    private static final long SEED = 20170612;

    private final Map<BareMatmul, Double> runs = new LinkedHashMap<>();
    private final double slice;
    private long flops;

    /**
     * For the Linears that the rows go through.
     *
     * @param slice seconds that are spent on each product
     */
    Peak(Workload workload, double slice) {
        this.slice = slice;
        Product.ofEncoder(workload.checkpoint().config(), workload.rows()).forEach((product, tokens) -> {
            runs.put(new BareMatmul(product, Operands.random(product, SEED)), (double) tokens / Product.TOKENS);
            flops += tokens * product.flops() / Product.TOKENS;
        });
    }

    /** The seconds that all products of the rows would take. */
    double seconds() {
        double seconds = 0;
        for (Map.Entry<BareMatmul, Double> run : runs.entrySet()) {
            seconds += run.getValue() * run.getKey().seconds(slice);
        }
        return seconds;
    }

    Measurement measured(EncoderShape shape, TextLength text, Workload workload, List<Double> seconds) {
        return new Measurement(
                Part.ENCODER.toString(),
                shape.label(),
                text.label(),
                "",
                Measurement.MATMUL,
                "",
                workload.rows().rows(),
                workload.rows().tokens(),
                flops,
                seconds);
    }

    @Override
    public void close() {
        runs.keySet().forEach(BareMatmul::close);
    }
}
