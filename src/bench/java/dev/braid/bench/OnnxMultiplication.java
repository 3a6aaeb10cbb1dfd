package dev.braid.bench;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import dev.braid.bench.report.Measurement;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Map;

/** A Linear of ONNX Runtime with its activation. */
final class OnnxMultiplication implements Multiplication {
    private final OrtSession session;
    private final OnnxTensor x;

    OnnxMultiplication(Product product, Operands operands) {
        OnnxGraph graph = new OnnxGraph();
        String linear = graph.linear(
                graph.input("x", "tokens", product.inputs()),
                operands.weight().duplicate(),
                operands.bias().duplicate());
        String activated = switch (product.activation()) {
            case NONE -> linear;
            case RELU -> graph.node("Relu", List.of(linear));
            default -> graph.node("Gelu", List.of(linear));
        };
        graph.output(activated, "tokens", product.outputs());
        try {
            OrtEnvironment environment = OrtEnvironment.getEnvironment();
            this.session = OnnxRuntime.session(environment, graph.model());
            this.x = OnnxTensor.createTensor(
                    environment, operands.x().duplicate(), new long[] {Product.TOKENS, product.inputs()});
        } catch (OrtException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public String name() {
        return Measurement.ONNX_RUNTIME;
    }

    @Override
    public void run() {
        try {
            session.run(Map.of("x", x)).close();
        } catch (OrtException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public float[] result() {
        try (OrtSession.Result result = session.run(Map.of("x", x))) {
            FloatBuffer product = ((OnnxTensor) result.get(0)).getFloatBuffer();
            float[] copy = new float[product.remaining()];
            product.get(copy);
            return copy;
        } catch (OrtException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public void close() {
        x.close();
        try {
            session.close();
        } catch (OrtException e) {
            throw new IllegalStateException(e);
        }
    }
}
