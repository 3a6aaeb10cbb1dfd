package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.util.passthrough.PassthroughNDManager;
import dev.braid.InputException;
import dev.braid.tensor.Shape;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.apache.hadoop.conf.Configuration;

class SafetensorsPropertyTest {
    private static Path file;

    @BeforeContainer
    static void makeFile() throws IOException {
        file = Files.createTempFile("braid", ".safetensors");
    }

    @AfterContainer
    static void deleteFile() throws IOException {
        Files.delete(file);
        Files.deleteIfExists(file.resolveSibling("." + file.getFileName() + ".crc"));
    }

    record Tensor(String name, DType dtype, List<Integer> shape, long seed) {
        long[] dimensions() {
            return shape.stream().mapToLong(Integer::longValue).toArray();
        }

        byte[] bytes() {
            int elements = shape.stream().reduce(1, (a, b) -> a * b);
            byte[] bytes = new byte[elements * dtype.bits() / 8];
            new Random(seed).nextBytes(bytes);
            return bytes;
        }
    }

    @Provide
    Arbitrary<List<Tensor>> tensors() {
        // Sub-byte types need a multiple of four elements; the last dimension gives it.
        Arbitrary<List<Integer>> shapes =
                Arbitraries.integers().between(0, 5).list().ofMaxSize(3);
        return Combinators.combine(
                        Arbitraries.strings()
                                .alpha()
                                .numeric()
                                .withChars("._-äΩ\u4e2d")
                                .ofMinLength(1)
                                .ofMaxLength(20),
                        Arbitraries.of(DType.values()),
                        shapes,
                        Arbitraries.longs())
                .as((name, dtype, shape, seed) -> {
                    List<Integer> whole = dtype.bits() < 8
                            ? Stream.concat(shape.stream(), Stream.of(4)).toList()
                            : shape;
                    return new Tensor(name, dtype, whole, seed);
                })
                .list()
                .ofMaxSize(12)
                .uniqueElements(Tensor::name);
    }

    private static byte[] write(List<Tensor> tensors) {
        SafetensorsWriter writer = new SafetensorsWriter();
        tensors.forEach(tensor -> writer.tensor(tensor.name(), tensor.dtype(), tensor.bytes(), tensor.dimensions()));
        byte[] bytes = writer.bytes();
        SafetensorsWriter.write(file, bytes);
        return bytes;
    }

    private static SafetensorsFile open() {
        return SafetensorsFile.open(new org.apache.hadoop.fs.Path(file.toUri()), new Configuration(false));
    }

    @Property(tries = 300, edgeCases = EdgeCasesMode.NONE)
    void whatIsWrittenIsRead(@ForAll("tensors") List<Tensor> tensors) throws IOException {
        write(tensors);
        try (SafetensorsFile read = open()) {
            assertThat(read.entries().keySet())
                    .containsExactlyElementsOf(
                            tensors.stream().map(Tensor::name).toList());
            for (Tensor tensor : tensors) {
                StoredTensor stored = read.read(tensor.name());
                assertThat(stored.dtype()).isEqualTo(tensor.dtype());
                assertThat(stored.shape()).isEqualTo(Shape.of(tensor.dimensions()));
                if (tensor.dtype() == DType.F32) {
                    assertThat(bits(stored)).isEqualTo(ints(tensor.bytes()));
                }
            }
        }
    }

    @Property(tries = 200, edgeCases = EdgeCasesMode.NONE)
    void anotherReaderReadsTheSame(@ForAll("tensors") List<Tensor> tensors) throws IOException {
        List<Tensor> floats = tensors.stream()
                .map(tensor -> new Tensor(tensor.name(), DType.F32, tensor.shape(), tensor.seed()))
                .toList();
        byte[] bytes = write(floats);
        NDList expected = NDList.decode(PassthroughNDManager.INSTANCE, new ByteArrayInputStream(bytes));
        try (SafetensorsFile read = open()) {
            assertThat(read.entries()).hasSize(expected.size());
            for (NDArray array : expected) {
                StoredTensor stored = read.read(array.getName());
                long[] shape = array.getShape().getShape();
                assertThat(stored.shape()).isEqualTo(Shape.of(shape));
                ByteBuffer raw = array.toByteBuffer(false).order(ByteOrder.LITTLE_ENDIAN);
                int[] ints = new int[raw.remaining() / 4];
                raw.asIntBuffer().get(ints);
                assertThat(bits(stored)).isEqualTo(ints);
            }
        }
    }

    /** Bytes of a sound header are changed, dropped, doubled and spliced with text that headers are made of. */
    @Property(tries = 20_000)
    void aDamagedHeaderIsReadOrRefusedAndNothingElse(@ForAll long seed) {
        String sound =
                "{\"__metadata__\":{\"format\":\"pt\"},\"a\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                        + "\"b.c\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[24,26]}}  ";
        List<String> pieces =
                List.of("\"a\"", "\"dtype\"", "\"F4\"", "\"shape\"", "\"data_offsets\"", "\"__metadata__\"");
        byte[] bytes = Mutation.of(sound, pieces, Mutation.random(seed));
        try {
            Map<String, TensorEntry> entries =
                    SafetensorsHeader.parse("x", bytes, 26).entries();
            long covered = entries.values().stream()
                    .mapToLong(entry -> entry.end() - entry.begin())
                    .sum();
            assertThat(covered).isEqualTo(26);
        } catch (InputException e) {
            assertThat(e.getMessage())
                    .startsWith("Cannot read ")
                    .contains(": expected ", ", got ")
                    .hasLineCount(1);
        }
    }

    private static int[] bits(StoredTensor tensor) {
        FloatBuffer out = FloatBuffer.allocate((int) tensor.shape().elements());
        tensor.copyTo(out);
        int[] bits = new int[out.capacity()];
        for (int i = 0; i < bits.length; i++) {
            bits[i] = Float.floatToRawIntBits(out.get(i));
        }
        return bits;
    }

    private static int[] ints(byte[] bytes) {
        int[] ints = new int[bytes.length / 4];
        ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asIntBuffer().get(ints);
        return ints;
    }
}
