package dev.braid.bench;

import dev.braid.bench.report.Measurement;
import dev.braid.kernel.Activation;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/** A Linear of libtorch with its activation. */
final class TorchMultiplication implements Multiplication {
    private final TorchLinear.Form form;
    private final Activation activation;
    private final PointerScope operands;
    private final TorchLinear linear;
    private final Tensor x;

    TorchMultiplication(Product product, Operands operands, TorchLinear.Form form) {
        LibTorch.bindThread();
        this.form = form;
        this.activation = product.activation();
        try (PointerScope scope = new PointerScope()) {
            this.operands = scope.extend();
            this.linear = form.of(operands.weight(), operands.bias());
            this.x = TorchLinear.tensor(operands.x(), Product.TOKENS, product.inputs());
        }
    }

    @Override
    public String name() {
        return Measurement.LIBTORCH + " on " + form;
    }

    @Override
    public void run() {
        TorchLinear.inference(this::product);
    }

    private Tensor product() {
        return switch (activation) {
            case NONE -> linear.apply(x);
            case RELU -> linear.activated(x, dev.braid.checkpoint.Activation.RELU);
            default -> linear.activated(x, dev.braid.checkpoint.Activation.GELU);
        };
    }

    @Override
    public float[] result() {
        return TorchLinear.inference(() -> {
            Tensor product = product().contiguous();
            float[] result = new float[Math.toIntExact(product.numel())];
            product.data_ptr_float().get(result);
            return result;
        });
    }

    @Override
    public void close() {
        operands.close();
    }
}
