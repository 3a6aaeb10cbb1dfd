package dev.braid.checkpoint;

import dev.braid.tensor.Shape;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/** Writes safetensors files for tests, sound ones by tensor and broken ones by their header's text. */
final class SafetensorsWriter {
    private final Map<String, DType> dtypes = new LinkedHashMap<>();
    private final Map<String, long[]> shapes = new LinkedHashMap<>();
    private final Map<String, byte[]> data = new LinkedHashMap<>();
    private final Map<String, String> metadata = new LinkedHashMap<>(Map.of("format", "pt"));
    private final Random random = new Random(11);

    SafetensorsWriter tensor(String name, DType dtype, byte[] bytes, long... shape) {
        dtypes.put(name, dtype);
        shapes.put(name, shape);
        data.put(name, bytes);
        return this;
    }

    SafetensorsWriter floats(String name, float[] values, long... shape) {
        ByteBuffer bytes = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.asFloatBuffer().put(values);
        return tensor(name, DType.F32, bytes.array(), shape);
    }

    /** An F32 tensor of random values. */
    SafetensorsWriter random(String name, long... shape) {
        float[] values = new float[(int) Shape.of(shape).elements()];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return floats(name, values, shape);
    }

    SafetensorsWriter without(String name) {
        dtypes.remove(name);
        shapes.remove(name);
        data.remove(name);
        return this;
    }

    /** Leaves a tensor out as {@code save_model} of safetensors does where it shares its memory with another. */
    SafetensorsWriter share(String removed, String kept) {
        metadata.put(removed, kept);
        return without(removed);
    }

    /** The names of all tensors. */
    List<String> names() {
        return List.copyOf(data.keySet());
    }

    void rename(UnaryOperator<String> name) {
        for (String tensor : names()) {
            String renamed = name.apply(tensor);
            DType dtype = dtypes.remove(tensor);
            long[] shape = shapes.remove(tensor);
            tensor(renamed, dtype, data.remove(tensor), shape);
        }
    }

    /** These tensors of all, as a file of their own. */
    SafetensorsWriter only(Collection<String> names) {
        SafetensorsWriter part = new SafetensorsWriter();
        names.forEach(name -> part.tensor(name, dtypes.get(name), data.get(name), shapes.get(name)));
        return part;
    }

    String header() {
        StringBuilder json = new StringBuilder(metadata.entrySet().stream()
                .map(pair -> "\"" + pair.getKey() + "\":\"" + pair.getValue() + "\"")
                .collect(Collectors.joining(",", "{\"__metadata__\":{", "}")));
        long begin = 0;
        for (String name : data.keySet()) {
            long end = begin + data.get(name).length;
            json.append(",\"" + name + "\":{\"dtype\":\"" + dtypes.get(name) + "\",\"shape\":"
                    + Shape.of(shapes.get(name)) + ",\"data_offsets\":[" + begin + "," + end + "]}");
            begin = end;
        }
        json.append("}");
        // The reference implementation pads the header with spaces to a multiple of 8 bytes.
        return json + " ".repeat(7 - (json.length() + 7) % 8);
    }

    byte[] dataBytes() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        data.values().forEach(out::writeBytes);
        return out.toByteArray();
    }

    byte[] bytes() {
        return file(header(), dataBytes());
    }

    void write(Path file) {
        write(file, bytes());
    }

    /** A file of any header, its length before it. */
    static byte[] file(String header, byte[] data) {
        byte[] text = header.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(8 + text.length + data.length)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(text.length)
                .put(text)
                .put(data)
                .array();
    }

    static void write(Path file, byte[] bytes) {
        try {
            Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
