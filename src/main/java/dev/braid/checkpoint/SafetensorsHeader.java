package dev.braid.checkpoint;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import dev.braid.InputException;
import dev.braid.tensor.Shape;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The header of a safetensors file: one JSON object from tensor name to dtype, shape and data offsets. It is parsed
 * token by token, and anything outside the format is refused at once instead of being held in memory. The tensors must
 * cover the data exactly.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">The safetensors format</a>
 */
final class SafetensorsHeader {
    /** The format's own limit. */
    static final int MAX_BYTES = 100_000_000;

    /**
     * More dimensions than any framework's tensors have. Without a limit, a hostile header could fill the memory with
     * one shape.
     */
    private static final int MAX_RANK = 64;

    private static final String METADATA = "__metadata__";

    private static final JsonFactory JSON = JsonFactory.builder()
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .build();

    private final String file;
    private final long dataBytes;
    private final JsonParser json;
    private final Map<String, TensorEntry> entries = new LinkedHashMap<>();
    private final Map<String, String> metadata = new LinkedHashMap<>();

    /**
     * What a header holds.
     *
     * @param entries the tensors by name, in the header's order
     * @param aliases further names of some of the tensors, each with the stored name. safetensors' {@code save_model}
     *     stores tensors that share memory only once, and lists their other names in the metadata
     */
    record Contents(Map<String, TensorEntry> entries, Map<String, String> aliases) {}

    private SafetensorsHeader(String file, long dataBytes, JsonParser json) {
        this.file = file;
        this.dataBytes = dataBytes;
        this.json = json;
    }

    /**
     * Reads a header.
     *
     * @param file its name in error messages
     * @param dataBytes bytes of the file after the header
     * @throws InputException if the header is not in the format
     */
    static Contents parse(String file, byte[] header, long dataBytes) {
        if (header.length == 0 || header[0] != '{') {
            throw new InputException("Cannot read the header of " + file + ": expected a JSON object, got "
                    + (header.length == 0 ? "0 bytes" : "another first byte than '{'"));
        }
        try (JsonParser json = JSON.createParser(
                new InputStreamReader(new ByteArrayInputStream(header), StandardCharsets.UTF_8.newDecoder()))) {
            return new SafetensorsHeader(file, dataBytes, json).read();
        } catch (JsonProcessingException e) {
            throw new InputException("Cannot read the header of " + file + ": expected JSON, got " + Quote.of(e), e);
        } catch (IOException e) {
            throw new InputException(
                    "Cannot read the header of " + file + ": expected JSON in UTF-8, got other bytes", e);
        }
    }

    private Contents read() throws IOException {
        json.nextToken();
        boolean described = false;
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String name = json.currentName();
            json.nextToken();
            if (name.equals(METADATA)) {
                if (described) {
                    throw bad("the header of " + file, "one '" + METADATA + "'", "two");
                }
                described = true;
                readMetadata();
            } else if (entries.put(name, readEntry(name)) != null) {
                throw bad(tensor(name), "one entry", "two");
            }
        }
        if (json.nextToken() != null) {
            throw bad("the header of " + file, "one JSON object", "more text after it");
        }
        checkCover();
        // Metadata has other entries too, such as the framework that wrote the file; only aliases are kept.
        metadata.entrySet()
                .removeIf(pair -> entries.containsKey(pair.getKey()) || !entries.containsKey(pair.getValue()));
        return new Contents(Collections.unmodifiableMap(entries), Collections.unmodifiableMap(metadata));
    }

    private void readMetadata() throws IOException {
        String object = "'" + METADATA + "' of " + file;
        if (json.currentToken() != JsonToken.START_OBJECT) {
            throw bad(object, "an object of strings", shown());
        }
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String key = json.currentName();
            if (json.nextToken() != JsonToken.VALUE_STRING) {
                throw bad(object, "a string for " + Quote.of(key), shown());
            }
            if (metadata.put(key, json.getText()) != null) {
                throw bad(object, "one " + Quote.of(key), "two");
            }
        }
    }

    private TensorEntry readEntry(String name) throws IOException {
        if (json.currentToken() != JsonToken.START_OBJECT) {
            throw bad(tensor(name), "an object of dtype, shape and data_offsets", shown());
        }
        DType dtype = null;
        long[] shape = null;
        long[] offsets = null;
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String key = json.currentName();
            boolean again = switch (key) {
                case "dtype" -> dtype != null;
                case "shape" -> shape != null;
                case "data_offsets" -> offsets != null;
                default -> throw bad(tensor(name), "dtype, shape and data_offsets alone", Quote.of(key));
            };
            if (again) {
                throw bad(tensor(name), "one " + key, "two");
            }
            json.nextToken();
            switch (key) {
                case "dtype" -> dtype = readDType(name);
                case "shape" -> shape = readSizes(name, key);
                default -> offsets = readSizes(name, key);
            }
        }
        if (dtype == null || shape == null || offsets == null) {
            String missing = dtype == null ? "dtype" : shape == null ? "shape" : "data_offsets";
            throw bad(tensor(name), "dtype, shape and data_offsets", "no " + missing);
        }
        return entry(name, dtype, Shape.of(shape), offsets);
    }

    private DType readDType(String name) throws IOException {
        if (json.currentToken() != JsonToken.VALUE_STRING) {
            throw bad(tensor(name), "a string as dtype", shown());
        }
        String dtype = json.getText();
        return DType.find(dtype)
                .orElseThrow(() -> bad(
                        tensor(name),
                        "a dtype of the format (" + Arrays.toString(DType.values()) + ")",
                        Quote.of(dtype)));
    }

    private long[] readSizes(String name, String key) throws IOException {
        if (json.currentToken() != JsonToken.START_ARRAY) {
            throw bad(tensor(name), "a list of whole numbers as " + key, shown());
        }
        long[] sizes = new long[MAX_RANK];
        int count = 0;
        while (json.nextToken() != JsonToken.END_ARRAY) {
            if (json.currentToken() != JsonToken.VALUE_NUMBER_INT
                    || json.getNumberType() == JsonParser.NumberType.BIG_INTEGER
                    || json.getText().startsWith("-")) {
                throw bad(tensor(name), "whole numbers from 0 to 2^63 - 1 in " + key, shown());
            }
            if (count == MAX_RANK) {
                throw bad(tensor(name), "at most " + MAX_RANK + " numbers in " + key, "more");
            }
            sizes[count++] = json.getLongValue();
        }
        return Arrays.copyOf(sizes, count);
    }

    private TensorEntry entry(String name, DType dtype, Shape shape, long[] offsets) {
        if (offsets.length != 2) {
            throw bad(tensor(name), "two data_offsets", Integer.toString(offsets.length));
        }
        long begin = offsets[0];
        long end = offsets[1];
        String range = "[" + begin + ", " + end + "]";
        if (begin > end) {
            throw bad(tensor(name), "data_offsets [begin, end] with begin <= end", range);
        }
        long bits;
        try {
            bits = Math.multiplyExact(shape.elements(), dtype.bits());
        } catch (ArithmeticException e) {
            throw bad(tensor(name), "a size of less than 2^63 bits", dtype + " " + Quote.cut(shape.toString()));
        }
        if (bits % 8 != 0) {
            throw bad(tensor(name), "whole bytes", bits + " bits (" + dtype + " " + Quote.cut(shape.toString()) + ")");
        }
        if (bits / 8 != end - begin) {
            String expected = bits / 8 + " bytes (" + dtype + " " + Quote.cut(shape.toString()) + ")";
            throw bad(tensor(name), expected, end - begin + " (data_offsets " + range + ")");
        }
        if (end > dataBytes) {
            String expected = "data_offsets within " + dataBytes + " bytes (the data in the file)";
            throw bad(tensor(name), expected, range + SafetensorsFile.CUT_SHORT);
        }
        return new TensorEntry(name, dtype, shape, begin, end);
    }

    /** Checks that every byte of the data belongs to exactly one tensor. */
    private void checkCover() {
        List<TensorEntry> inOrder = new ArrayList<>(entries.values());
        inOrder.sort(Comparator.comparingLong(TensorEntry::begin).thenComparingLong(TensorEntry::end));
        long covered = 0;
        String before = "the start of the data";
        for (TensorEntry entry : inOrder) {
            if (entry.begin() != covered) {
                String fault = entry.begin() < covered ? "an overlap" : "a gap";
                String expected = "data from byte " + covered + " on (" + before + ")";
                throw bad(tensor(entry.name()), expected, fault + ": data from byte " + entry.begin() + " on");
            }
            covered = entry.end();
            before = "the end of tensor " + Quote.of(entry.name());
        }
        if (covered != dataBytes) {
            throw bad(file, covered + " bytes of data (all tensors together)", Long.toString(dataBytes));
        }
    }

    private String shown() throws IOException {
        return switch (json.currentToken()) {
            case START_OBJECT -> "an object";
            case START_ARRAY -> "a list";
            case VALUE_STRING -> Quote.of(json.getText());
            default -> Quote.cut(json.getText());
        };
    }

    private String tensor(String name) {
        return "tensor " + Quote.of(name) + " from " + file;
    }

    private static InputException bad(String object, String expected, String got) {
        return new InputException("Cannot read " + object + ": expected " + expected + ", got " + got);
    }
}
