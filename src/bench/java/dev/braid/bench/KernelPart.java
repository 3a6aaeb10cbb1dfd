package dev.braid.bench;

import dev.braid.bench.report.Measurement;
import dev.braid.bench.report.Part;
import dev.braid.kernel.Activation;
import dev.braid.kernel.KernelLibrary;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.DoubleSupplier;

/** Each matrix product of the shapes' encoders by itself: bare, as Braid runs it, and as its rivals do. */
final class KernelPart {
    private static final long SEED = 20170612;

    private KernelPart() {}

    static List<Measurement> measure(Effort effort) {
        Set<Product> products = new LinkedHashSet<>();
        for (EncoderShape shape : effort.shapes()) {
            RowBatch rows = Workload.of(shape, TextLength.DENSE, 1).rows();
            products.addAll(Product.ofEncoder(shape.config(), rows).keySet());
        }
        return products.stream()
                .flatMap(product -> measure(product, effort).stream())
                .toList();
    }

    private static List<Measurement> measure(Product product, Effort effort) {
        Operands operands = Operands.random(product, SEED);
        List<Multiplication> contenders = contenders(product, operands);
        check(product, operands, contenders);
        List<List<Double>> seconds = Rounds.run(
                effort.rounds(),
                contenders.stream()
                        .map(contender -> (DoubleSupplier) () -> contender.seconds(effort.kernelSeconds()))
                        .toList());
        List<Measurement> measurements = new ArrayList<>();
        for (int c = 0; c < contenders.size(); c++) {
            measurements.add(new Measurement(
                    Part.KERNEL.toString(),
                    product.label(),
                    "",
                    "",
                    contenders.get(c).name(),
                    "",
                    Product.TOKENS,
                    Product.TOKENS,
                    product.flops(),
                    seconds.get(c)));
        }
        contenders.forEach(Multiplication::close);
        return measurements;
    }

    private static List<Multiplication> contenders(Product product, Operands operands) {
        List<Multiplication> contenders = new ArrayList<>();
        contenders.add(new BareMatmul(product, operands));
        contenders.add(new BraidMultiplication(Measurement.BRAID, product, operands, KernelLibrary.oneDnn()));
        for (TorchLinear.Form form : TorchLinear.Form.values()) {
            contenders.add(new TorchMultiplication(product, operands, form));
        }
        contenders.add(new OnnxMultiplication(product, operands));
        contenders.add(new BraidMultiplication(Measurement.BRAID_ON_ND4J, product, operands, KernelLibrary.portable()));
        return contenders;
    }

    private static void check(Product product, Operands operands, List<Multiplication> contenders) {
        float[] activated = expected(product, operands);
        Product bare = new Product(product.inputs(), product.outputs(), Activation.NONE);
        float[] plain = expected(bare, operands.withoutBias());
        System.out.println("# " + product.label());
        for (Multiplication contender : contenders) {
            boolean isBare = contender.name().equals(Measurement.MATMUL);
            Parity.check(contender.name(), contender.result(), isBare ? plain : activated);
        }
    }

    private static float[] expected(Product product, Operands operands) {
        try (Multiplication portable =
                new BraidMultiplication(Measurement.BRAID_ON_ND4J, product, operands, KernelLibrary.portable())) {
            return portable.result();
        }
    }
}
