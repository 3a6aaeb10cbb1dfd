package dev.braid.bench;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.List;

/**
 * An ONNX model under construction: nodes are put in the order they run, and each gives the name of
 * its one output.
 *
 * @see <a href="https://github.com/onnx/onnx/blob/main/onnx/onnx.proto">onnx.proto, which numbers the fields</a>
 */
final class OnnxGraph {
    private static final int IR_VERSION = 10;
    private static final int OPSET = 21;
    private static final int FLOAT = 1;
    static final int INT32 = 6;
    private static final int INT64 = 7;

    private final ProtoMessage graph = new ProtoMessage().put(2, "encoder");
    private int names;

    /** A float input; a size that varies is written as its name. */
    String input(String name, Object... sizes) {
        graph.put(11, valueInfo(name, sizes));
        return name;
    }

    void output(String name, Object... sizes) {
        graph.put(12, valueInfo(name, sizes));
    }

    /** A constant of floats; all that remain in {@code values} are taken. */
    String constant(FloatBuffer values, long... sizes) {
        ByteBuffer raw = ByteBuffer.allocate(values.remaining() * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        raw.asFloatBuffer().put(values.duplicate());
        return initializer(FLOAT, raw.array(), sizes);
    }

    /** A constant of integers, such as a shape. */
    String constant(long... values) {
        ByteBuffer raw = ByteBuffer.allocate(values.length * Long.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        raw.asLongBuffer().put(values);
        return initializer(INT64, raw.array(), values.length);
    }

    private String initializer(int type, byte[] raw, long... sizes) {
        String name = "constant" + names++;
        ProtoMessage tensor = new ProtoMessage();
        for (long size : sizes) {
            tensor.put(1, size);
        }
        graph.put(5, tensor.put(2, type).put(8, name).put(9, raw));
        return name;
    }

    /** A standard operator. */
    String node(String operator, List<String> inputs, ProtoMessage... attributes) {
        return node("", operator, inputs, attributes);
    }

    /** One of ONNX Runtime's own operators. */
    String microsoft(String operator, List<String> inputs, ProtoMessage... attributes) {
        return node("com.microsoft", operator, inputs, attributes);
    }

    private String node(String domain, String operator, List<String> inputs, ProtoMessage... attributes) {
        String output = "value" + names++;
        ProtoMessage node = new ProtoMessage();
        inputs.forEach(input -> node.put(1, input));
        node.put(2, output).put(4, operator);
        for (ProtoMessage attribute : attributes) {
            node.put(5, attribute);
        }
        graph.put(1, node.put(7, domain));
        return output;
    }

    /** {@code x W^T + b} of a weight [outputs, inputs]. */
    String linear(String x, FloatBuffer weight, FloatBuffer bias) {
        int outputs = bias.remaining();
        String product = node("MatMul", List.of(x, transposed(weight, outputs, weight.remaining() / outputs)));
        return node("Add", List.of(product, constant(bias, outputs)));
    }

    /** A constant of the columns of a weight [outputs, inputs]. */
    String transposed(FloatBuffer weight, int outputs, int inputs) {
        float[] transposed = new float[outputs * inputs];
        for (int o = 0; o < outputs; o++) {
            for (int i = 0; i < inputs; i++) {
                transposed[i * outputs + o] = weight.get(o * inputs + i);
            }
        }
        return constant(FloatBuffer.wrap(transposed), inputs, outputs);
    }

    static ProtoMessage attribute(String name, long value) {
        return new ProtoMessage().put(1, name).put(3, value).put(20, 2);
    }

    static ProtoMessage attribute(String name, float value) {
        return new ProtoMessage().put(1, name).put(2, value).put(20, 1);
    }

    static ProtoMessage attribute(String name, long[] values) {
        ProtoMessage attribute = new ProtoMessage().put(1, name);
        for (long value : values) {
            attribute.put(8, value);
        }
        return attribute.put(20, 7);
    }

    /** The whole model as a file would hold it. */
    byte[] model() {
        return new ProtoMessage()
                .put(1, IR_VERSION)
                .put(7, graph)
                .put(8, new ProtoMessage().put(1, "").put(2, OPSET))
                .put(8, new ProtoMessage().put(1, "com.microsoft").put(2, 1))
                .bytes();
    }

    private static ProtoMessage valueInfo(String name, Object... sizes) {
        ProtoMessage shape = new ProtoMessage();
        for (Object size : sizes) {
            ProtoMessage dimension = new ProtoMessage();
            if (size instanceof Integer known) {
                dimension.put(1, known);
            } else {
                dimension.put(2, size.toString());
            }
            shape.put(1, dimension);
        }
        ProtoMessage tensor = new ProtoMessage().put(1, FLOAT).put(2, shape);
        return new ProtoMessage().put(1, name).put(2, new ProtoMessage().put(1, tensor));
    }
}
