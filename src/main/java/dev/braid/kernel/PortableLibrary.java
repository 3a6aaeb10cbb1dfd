package dev.braid.kernel;

import org.nd4j.linalg.factory.Nd4j;

/** The kernels that need only ND4J. Weights keep PyTorch's layout. */
final class PortableLibrary implements KernelLibrary {

    @Override
    public String name() {
        return "ND4J " + Nd4j.getBackend().getClass().getSimpleName();
    }

    @Override
    public PackedLinear pack(Matrix weight, Matrix bias) {
        Matrix ownWeight = Matrix.allocate(weight.rows(), weight.columns());
        for (int row = 0; row < weight.rows(); row++) {
            ownWeight.rows(row, 1).buffer().put(weight.rows(row, 1).buffer());
        }
        Matrix ownBias = Matrix.allocate(1, weight.rows());
        ownBias.buffer().put(bias.buffer());
        return new Unpacked(ownWeight, ownBias);
    }

    @Override
    public Kernels open() {
        return new PortableKernels();
    }

    /** The weight [N, K] and bias [1, N], both dense. */
    static final class Unpacked extends PackedLinear {
        Unpacked(Matrix weight, Matrix bias) {
            super(weight.columns(), weight.rows(), weight, bias);
        }
    }
}
