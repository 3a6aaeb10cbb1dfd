package dev.braid.bench;

import dev.braid.kernel.KernelLibrary;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.PackedLinear;
import java.nio.FloatBuffer;

/** A Linear of Braid's kernels with its activation. */
final class BraidMultiplication implements Multiplication {
    private final String name;
    private final Product product;
    private final Kernels kernels;
    private final PackedLinear linear;
    private final Matrix x;
    private final Matrix out;

    BraidMultiplication(String name, Product product, Operands operands, KernelLibrary library) {
        this.name = name;
        this.product = product;
        this.kernels = library.open();
        this.x = matrix(Product.TOKENS, product.inputs(), operands.x());
        this.out = Matrix.allocate(Product.TOKENS, product.outputs());
        try (Matrix weight = matrix(product.outputs(), product.inputs(), operands.weight());
                Matrix bias = matrix(1, product.outputs(), operands.bias())) {
            this.linear = library.pack(weight, bias);
        }
        kernels.bindThread();
    }

    private static Matrix matrix(int rows, int columns, FloatBuffer values) {
        Matrix matrix = Matrix.allocate(rows, columns);
        matrix.buffer().put(values.duplicate());
        return matrix;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public void run() {
        kernels.linear(out, x, linear, product.activation());
    }

    @Override
    public float[] result() {
        run();
        float[] result = new float[out.rows() * out.columns()];
        out.buffer().get(result);
        return result;
    }

    @Override
    public void close() {
        linear.close();
        x.close();
        out.close();
        kernels.close();
    }
}
