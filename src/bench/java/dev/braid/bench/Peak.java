package dev.braid.bench;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_WEIGHTS;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.reorder;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.FloatPointer;

/**
 * The matrix products of an encoder's Linears on oneDNN and nothing else: no bias, no activation, weights in the layout that
 * oneDNN prefers, all operands warm in the caches. It bounds every encoder on oneDNN, and shares no code with Braid's kernels.
 */
final class Peak {
    /** Tokens that Braid takes through an encoder's Linears at a time. */
    private static final int TOKENS = 128;

    private Peak() {}

    /** Takes {@code INPUTS,OUTPUTS,TOKENS} for each Linear: its size, and the tokens of all rows that go through it. */
    public static void main(String[] args) throws Exception {
        List<Product> products = Arrays.stream(args).flatMap(Product::parse).toList();
        Worker.serve(() -> {
            products.forEach(Product::run);
            return new float[0][];
        });
    }

    /** The product [tokens, inputs] x [inputs, outputs] of random numbers, and how often it runs. */
    static final class Product {
        private final engine cpu = new engine(engine.kind.cpu, 0);
        private final stream queue = new stream(cpu);
        private final matmul product;
        private final IntMemoryMap arguments = new IntMemoryMap();
        final int tokens;
        final long times;
        final memory x;
        /** [outputs, inputs], as PyTorch stores a weight. */
        final memory weight;

        final memory out;

        Product(int tokens, int inputs, int outputs, long times) {
            this.tokens = tokens;
            this.times = times;
            this.x = random(matrix(tokens, inputs, memory.format_tag.ab), tokens * inputs);
            this.weight = random(matrix(inputs, outputs, memory.format_tag.ba), inputs * outputs);
            this.out = new memory(matrix(tokens, outputs, memory.format_tag.ab), cpu);
            var preferred = matrix(inputs, outputs, memory.format_tag.any);
            var description = new matmul.primitive_desc(cpu, x.get_desc(), preferred, out.get_desc());
            memory packed = new memory(description.weights_desc(), cpu);
            new reorder(weight, packed).execute(queue, weight, packed);
            queue._wait();
            this.product = new matmul(description);
            arguments.put(DNNL_ARG_SRC, x).put(DNNL_ARG_WEIGHTS, packed).put(DNNL_ARG_DST, out);
        }

        /** The products that all tokens go through, {@link #TOKENS} at a time, and one of the tokens that remain. */
        static Stream<Product> parse(String sizes) {
            int[] numbers =
                    Arrays.stream(sizes.split(",")).mapToInt(Integer::parseInt).toArray();
            Product whole = new Product(TOKENS, numbers[0], numbers[1], numbers[2] / TOKENS);
            int rest = numbers[2] % TOKENS;
            return rest == 0 ? Stream.of(whole) : Stream.of(whole, new Product(rest, numbers[0], numbers[1], 1));
        }

        void run() {
            for (long time = 0; time < times; time++) {
                product.execute(queue, arguments);
            }
            queue._wait();
        }

        private static memory.desc matrix(int rows, int columns, memory.format_tag layout) {
            return new memory.desc(new long[] {rows, columns}, memory.data_type.f32, layout);
        }

        private memory random(memory.desc matrix, int elements) {
            Random random = new Random(elements);
            memory numbers = new memory(matrix, cpu);
            FloatPointer floats = floats(numbers);
            for (int i = 0; i < elements; i++) {
                floats.put(i, 2 * random.nextFloat() - 1);
            }
            return numbers;
        }

        static FloatPointer floats(memory numbers) {
            return new FloatPointer(numbers.get_data_handle());
        }
    }
}
