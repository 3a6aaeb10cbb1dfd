package dev.braid.bench;

import dev.braid.checkpoint.Activation;
import java.nio.FloatBuffer;
import java.util.function.Supplier;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Dispatcher;
import org.bytedeco.pytorch.GenericList;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.InferenceMode;
import org.bytedeco.pytorch.OperatorHandle;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/** A Linear in one of the two forms that libtorch has on a processor. */
sealed interface TorchLinear {

    /** {@code x W^T + b}. */
    Tensor apply(Tensor x);

    /** {@code activation(x W^T + b)}. */
    Tensor activated(Tensor x, Activation activation);

    /** {@code x W^T + b + residual}. */
    Tensor added(Tensor x, Tensor residual);

    /** Where the matrix product is done. */
    enum Form {
        /** {@code aten::linear} on the BLAS that libtorch is linked to. */
        OPENBLAS,
        /** {@code mkldnn::_linear_pointwise} on weights in oneDNN's own layout: what a frozen, compiled model runs. */
        ONEDNN;

        /**
         * A Linear of this form.
         *
         * @param weight [outputs, inputs]
         * @param bias [outputs]
         */
        TorchLinear of(FloatBuffer weight, FloatBuffer bias) {
            int outputs = bias.remaining();
            Tensor w = tensor(weight, outputs, weight.remaining() / outputs);
            Tensor b = tensor(bias, outputs);
            return this == OPENBLAS ? new Blas(w, new TensorOptional(b)) : new OneDnn(OneDnn.packed(w), b);
        }
    }

    /** A copy of the floats as a tensor that torch owns. */
    static Tensor tensor(FloatBuffer floats, long... sizes) {
        return torch.from_blob(new FloatPointer(floats), sizes).clone();
    }

    /** In inference mode; frees every tensor that {@code forward} makes. */
    @SuppressWarnings("try")
    static <T> T inference(Supplier<T> forward) {
        try (PointerScope scope = new PointerScope();
                InferenceMode mode = new InferenceMode(true)) {
            return forward.get();
        }
    }

    /** Plain tensor operations. */
    record Blas(Tensor weight, TensorOptional bias) implements TorchLinear {
        @Override
        public Tensor apply(Tensor x) {
            return torch.linear(x, weight, bias);
        }

        @Override
        public Tensor activated(Tensor x, Activation activation) {
            Tensor y = apply(x);
            return activation == Activation.RELU ? torch.relu_(y) : torch.gelu_(y);
        }

        @Override
        public Tensor added(Tensor x, Tensor residual) {
            return apply(x).add_(residual);
        }
    }

    /** Bias, activation and residual as post-operations of oneDNN's product. */
    record OneDnn(Tensor weight, Tensor bias) implements TorchLinear {
        private static final OperatorHandle PACK = operator("mkldnn::_reorder_linear_weight", "");
        private static final OperatorHandle POINTWISE = operator("mkldnn::_linear_pointwise", "");
        private static final OperatorHandle BINARY = operator("mkldnn::_linear_pointwise", "binary");
        private static final GenericList NO_SCALARS = noScalars();

        static Tensor packed(Tensor weight) {
            return call(PACK, new IValue(weight), new IValue());
        }

        @Override
        public Tensor apply(Tensor x) {
            return pointwise(x, "none", "");
        }

        @Override
        public Tensor activated(Tensor x, Activation activation) {
            return activation == Activation.RELU ? pointwise(x, "relu", "") : pointwise(x, "gelu", "none");
        }

        @Override
        public Tensor added(Tensor x, Tensor residual) {
            return call(
                    BINARY,
                    new IValue(x),
                    new IValue(residual),
                    new IValue(weight),
                    new IValue(bias),
                    new IValue("add"));
        }

        private Tensor pointwise(Tensor x, String operation, String algorithm) {
            return call(
                    POINTWISE,
                    new IValue(x),
                    new IValue(weight),
                    new IValue(bias),
                    new IValue(operation),
                    new IValue(NO_SCALARS),
                    new IValue(algorithm));
        }

        private static GenericList noScalars() {
            var scalars =
                    torch.parseSchema("f(Scalar?[] s) -> Tensor").arguments().real_type();
            return new GenericList(scalars.get().containedType(0)).retainReference();
        }

        private static OperatorHandle operator(String name, String overload) {
            return Dispatcher.singleton().findSchemaOrThrow(name, overload).retainReference();
        }

        private static Tensor call(OperatorHandle operator, IValue... arguments) {
            IValueVector stack = new IValueVector(arguments);
            operator.callBoxed(stack);
            return new Tensor(stack.get(0).toTensor());
        }
    }
}
