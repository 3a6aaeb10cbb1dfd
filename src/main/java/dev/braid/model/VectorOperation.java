package dev.braid.model;

import dev.braid.checkpoint.VectorWeights;
import dev.braid.kernel.Kernels;
import dev.braid.kernel.Matrix;
import dev.braid.kernel.Norm;
import dev.braid.kernel.PackedLinear;
import dev.braid.tensor.Activation;
import java.util.List;

/** What one step of a {@link VectorFusion} computes over a block of rows. */
interface VectorOperation {

    /**
     * Runs the operation.
     *
     * @param out [rows, D], overwritten; in other memory than the inputs
     * @param in [rows, K] each
     * @param buffers where intermediate products go
     */
    void run(Matrix out, List<Matrix> in, Kernels kernels, WorkspaceBuffers buffers);

    /** Multiply-adds in matrix products for one row. */
    default long multiplyAdds() {
        return 0;
    }

    private static void copy(Matrix out, Matrix in, Kernels kernels) {
        kernels.copyRows(out, row -> row, in, row -> row, in.rows());
    }

    /** {@code activation(x W^T + b)}; without an activation (null), {@code x W^T + b}. */
    record Linear(PackedLinear weights, Activation activation) implements VectorOperation {
        @Override
        public void run(Matrix out, List<Matrix> in, Kernels kernels, WorkspaceBuffers buffers) {
            kernels.linear(out, in.get(0), weights, activation);
        }

        @Override
        public long multiplyAdds() {
            return (long) weights.inputs() * weights.outputs();
        }
    }

    /**
     * {@code x1^T W[n] x2 + b[n]} for each output n: first {@code W[n] x2}, then its product with x1, number by number,
     * then the sum of these numbers and the bias.
     *
     * @param products for each output n the weight W[n], [K1, K2]
     * @param sums for each output n a row of K1 ones, [1, K1], and the bias b[n]
     */
    record Bilinear(List<PackedLinear> products, List<PackedLinear> sums) implements VectorOperation {
        @Override
        public void run(Matrix out, List<Matrix> in, Kernels kernels, WorkspaceBuffers buffers) {
            Matrix product = buffers.products(in.get(0).columns()).rows(0, out.rows());
            for (int n = 0; n < products.size(); n++) {
                kernels.linear(product, in.get(1), products.get(n));
                kernels.multiply(product, in.get(0));
                kernels.linear(out.columns(n, 1), product, sums.get(n));
            }
        }

        @Override
        public long multiplyAdds() {
            PackedLinear first = products.get(0);
            return (long) products.size() * (first.inputs() + 1) * first.outputs();
        }
    }

    /** An activation that is not fused into the Linear before it. */
    record Activated(Activation activation) implements VectorOperation {
        @Override
        public void run(Matrix out, List<Matrix> in, Kernels kernels, WorkspaceBuffers buffers) {
            copy(out, in.get(0), kernels);
            kernels.activate(out, activation);
        }
    }

    /** A LayerNorm or RMSNorm. */
    record Normed(Norm norm) implements VectorOperation {
        @Override
        public void run(Matrix out, List<Matrix> in, Kernels kernels, WorkspaceBuffers buffers) {
            kernels.norm(out, in.get(0), norm);
        }
    }

    /**
     * {@code (x - mean) / sqrt(variance + epsilon) * weight + bias} as {@code x * scale + shift}: Ioffe and Szegedy
     * 2015 (arXiv 1502.03167), algorithm 2, line 11.
     */
    record BatchNormed(Matrix scale, Matrix shift) implements VectorOperation {
        static BatchNormed load(VectorWeights weights, float epsilon, WeightPacker packer) {
            Matrix scale = packer.table(weights.norm().weight(), 1);
            Matrix shift = packer.table(weights.norm().bias(), 1);
            Matrix mean = packer.table(weights.mean(), 1);
            Matrix variance = packer.table(weights.variance(), 1);
            for (int c = 0; c < scale.columns(); c++) {
                double factor = scale.buffer().get(c)
                        / Math.sqrt((double) variance.buffer().get(c) + epsilon);
                scale.buffer().put(c, (float) factor);
                shift.buffer()
                        .put(c, (float) (shift.buffer().get(c) - mean.buffer().get(c) * factor));
            }
            return new BatchNormed(scale, shift);
        }

        @Override
        public void run(Matrix out, List<Matrix> in, Kernels kernels, WorkspaceBuffers buffers) {
            copy(out, in.get(0), kernels);
            kernels.scaleAndShift(out, scale, shift);
        }
    }

    /** One vector after another. */
    record Concatenated() implements VectorOperation {
        @Override
        public void run(Matrix out, List<Matrix> in, Kernels kernels, WorkspaceBuffers buffers) {
            int first = 0;
            for (Matrix part : in) {
                copy(out.columns(first, part.columns()), part, kernels);
                first += part.columns();
            }
        }
    }

    /** The sum of all. */
    record Sum() implements VectorOperation {
        @Override
        public void run(Matrix out, List<Matrix> in, Kernels kernels, WorkspaceBuffers buffers) {
            copy(out, in.get(0), kernels);
            in.subList(1, in.size()).forEach(other -> kernels.add(out, other));
        }
    }

    /** The product of all, number by number. */
    record Product() implements VectorOperation {
        @Override
        public void run(Matrix out, List<Matrix> in, Kernels kernels, WorkspaceBuffers buffers) {
            copy(out, in.get(0), kernels);
            in.subList(1, in.size()).forEach(other -> kernels.multiply(out, other));
        }
    }

    /** {@code g a + (1 - g) b} of a, b and g. */
    record Mixed() implements VectorOperation {
        @Override
        public void run(Matrix out, List<Matrix> in, Kernels kernels, WorkspaceBuffers buffers) {
            copy(out, in.get(0), kernels);
            kernels.mix(out, in.get(2), in.get(1));
        }
    }

    /** The softmax of a vector. */
    record Softmax() implements VectorOperation {
        @Override
        public void run(Matrix out, List<Matrix> in, Kernels kernels, WorkspaceBuffers buffers) {
            copy(out, in.get(0), kernels);
            kernels.softmax(out);
        }
    }

    /** {@code w[0] a + w[1] b + ...} of a, b, ... and w. */
    record WeightedSum() implements VectorOperation {
        @Override
        public void run(Matrix out, List<Matrix> in, Kernels kernels, WorkspaceBuffers buffers) {
            int count = in.size() - 1;
            kernels.weightedSum(out, in.subList(0, count), in.get(count));
        }
    }
}
