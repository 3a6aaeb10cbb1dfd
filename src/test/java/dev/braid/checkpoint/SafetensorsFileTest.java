package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.tensor.Shape;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class SafetensorsFileTest {
    private static final String CUT_SHORT = "; the file may be cut short: copy it again";

    private static final String ALL_DTYPES = Arrays.toString(DType.values());

    @TempDir
    Path directory;

    private SafetensorsFile open(byte[] bytes) {
        Path file = directory.resolve("x.safetensors");
        SafetensorsWriter.write(file, bytes);
        return SafetensorsFile.open(new org.apache.hadoop.fs.Path(file.toUri()), new Configuration(false));
    }

    /** Eight bytes of data under a header with one tensor {@code a} of this entry. */
    private static byte[] entry(String entry) {
        return SafetensorsWriter.file("{\"a\":" + entry + "}", new byte[8]);
    }

    private static byte[] entry(String dtype, String shape, String offsets) {
        return entry("{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}");
    }

    private static byte[] two(String offsetsA, String offsetsB, int dataBytes) {
        String header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":" + offsetsA
                + "},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":" + offsetsB + "}}";
        return SafetensorsWriter.file(header, new byte[dataBytes]);
    }

    private static byte[] length(long headerBytes, int rest) {
        return ByteBuffer.allocate(8 + rest)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(headerBytes)
                .array();
    }

    static Stream<Arguments> brokenFiles() {
        String a = "Cannot read tensor 'a' from x.safetensors: expected ";
        String header = "Cannot read the header of x.safetensors: expected ";
        String metadata = "Cannot read '__metadata__' of x.safetensors: expected ";
        String limit = "Cannot read x.safetensors: expected a header of at most ";
        String sizes = "whole numbers from 0 to 2^63 - 1 in ";
        String ok = "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}";
        byte[] notUtf8 = SafetensorsWriter.file("{\"a\":" + ok + "}", new byte[8]);
        notUtf8[10] = (byte) 0xff;
        return Stream.of(
                Arguments.of(
                        new byte[7],
                        "Cannot read x.safetensors: expected at least 8 bytes (the length of a header), got 7"
                                + CUT_SHORT),
                Arguments.of(length(11, 10), limit + "10 bytes (the rest of the file), got 11" + CUT_SHORT),
                Arguments.of(
                        length(-1, 10),
                        limit + "10 bytes (the rest of the file), got 18446744073709551615" + CUT_SHORT),
                Arguments.of(
                        length(Long.MAX_VALUE, 0),
                        limit + "0 bytes (the rest of the file), got 9223372036854775807" + CUT_SHORT),
                Arguments.of(length(0, 10), header + "a JSON object, got 0 bytes"),
                Arguments.of(
                        SafetensorsWriter.file(" {}", new byte[0]),
                        header + "a JSON object, got another first byte than '{'"),
                Arguments.of(
                        SafetensorsWriter.file("[]", new byte[0]),
                        header + "a JSON object, got another first byte than '{'"),
                Arguments.of(notUtf8, header + "JSON in UTF-8, got other bytes"),
                Arguments.of(
                        SafetensorsWriter.file("{} {}", new byte[0]),
                        header + "one JSON object, got more text after it"),
                Arguments.of(
                        SafetensorsWriter.file("{\"__metadata__\":{},\"__metadata__\":{}}", new byte[0]),
                        header + "one '__metadata__', got two"),
                Arguments.of(
                        SafetensorsWriter.file("{\"__metadata__\":[]}", new byte[0]),
                        metadata + "an object of strings, got a list"),
                Arguments.of(
                        SafetensorsWriter.file("{\"__metadata__\":{\"k\":{}}}", new byte[0]),
                        metadata + "a string for 'k', got an object"),
                Arguments.of(
                        SafetensorsWriter.file("{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}", new byte[0]),
                        metadata + "one 'k', got two"),
                Arguments.of(
                        entry("{\"dtype\":\"F32\",\"shape\":[" + "0,".repeat(64) + "0],\"data_offsets\":[0,0]}"),
                        a + "at most 64 numbers in shape, got more"),
                Arguments.of(entry("[1]"), a + "an object of dtype, shape and data_offsets, got a list"),
                Arguments.of(entry("null"), a + "an object of dtype, shape and data_offsets, got null"),
                Arguments.of(
                        SafetensorsWriter.file("{\"a\":" + ok + ",\"a\":" + ok + "}", new byte[8]),
                        a + "one entry, got two"),
                Arguments.of(
                        entry("{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":1}"),
                        a + "dtype, shape and data_offsets alone, got 'x'"),
                Arguments.of(
                        entry("{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"),
                        a + "one dtype, got two"),
                Arguments.of(
                        entry("{\"dtype\":\"F32\",\"shape\":[2],\"shape\":[2],\"data_offsets\":[0,8]}"),
                        a + "one shape, got two"),
                Arguments.of(
                        entry("{\"shape\":[2],\"data_offsets\":[0,8]}"),
                        a + "dtype, shape and data_offsets, got no dtype"),
                Arguments.of(
                        entry("{\"dtype\":\"F32\",\"data_offsets\":[0,8]}"),
                        a + "dtype, shape and data_offsets, got no shape"),
                Arguments.of(
                        entry("{\"dtype\":\"F32\",\"shape\":[2]}"),
                        a + "dtype, shape and data_offsets, got no data_offsets"),
                Arguments.of(
                        entry("{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}"), a + "a string as dtype, got 7"),
                Arguments.of(entry("f32", "[2]", "[0,8]"), a + "a dtype of the format (" + ALL_DTYPES + "), got 'f32'"),
                Arguments.of(entry("F32", "2", "[0,8]"), a + "a list of whole numbers as shape, got 2"),
                Arguments.of(entry("F32", "[2.0]", "[0,8]"), a + sizes + "shape, got 2.0"),
                Arguments.of(entry("F32", "[\"2\"]", "[0,8]"), a + sizes + "shape, got '2'"),
                Arguments.of(entry("F32", "[[2]]", "[0,8]"), a + sizes + "shape, got a list"),
                Arguments.of(entry("F32", "[-2]", "[0,8]"), a + sizes + "shape, got -2"),
                Arguments.of(entry("F32", "[-0]", "[0,8]"), a + sizes + "shape, got -0"),
                Arguments.of(
                        entry("F32", "[9223372036854775808]", "[0,8]"), a + sizes + "shape, got 9223372036854775808"),
                Arguments.of(entry("F32", "[2]", "[-1,7]"), a + sizes + "data_offsets, got -1"),
                Arguments.of(entry("F32", "[2]", "[0]"), a + "two data_offsets, got 1"),
                Arguments.of(entry("F32", "[2]", "[0,8,8]"), a + "two data_offsets, got 3"),
                Arguments.of(
                        entry("F32", "[2]", "[8,0]"), a + "data_offsets [begin, end] with begin <= end, got [8, 0]"),
                Arguments.of(
                        entry("F32", "[4294967296,4294967296]", "[0,8]"),
                        a + "a size of less than 2^63 bits, got F32 [4294967296, 4294967296]"),
                Arguments.of(
                        entry("F64", "[1152921504606846976]", "[0,8]"),
                        a + "a size of less than 2^63 bits, got F64 [1152921504606846976]"),
                Arguments.of(entry("F4", "[15]", "[0,8]"), a + "whole bytes, got 60 bits (F4 [15])"),
                Arguments.of(entry("F32", "[3]", "[0,8]"), a + "12 bytes (F32 [3]), got 8 (data_offsets [0, 8])"),
                Arguments.of(
                        entry("F32", "[3]", "[0,12]"),
                        a
                                + "data_offsets within 8 bytes (the data in the file), got [0, 12]; the file may be cut short:"
                                + " copy it again"),
                Arguments.of(
                        entry("F32", "[1]", "[4,8]"),
                        a + "data from byte 0 on (the start of the data), got a gap: data from byte 4 on"),
                Arguments.of(
                        entry("F32", "[1]", "[0,4]"),
                        "Cannot read x.safetensors: expected 4 bytes of data (all tensors together), got 8"),
                Arguments.of(
                        two("[0,4]", "[8,12]", 12),
                        "Cannot read tensor 'b' from x.safetensors: expected data from byte 4 on (the end of tensor 'a'),"
                                + " got a gap: data from byte 8 on"),
                Arguments.of(
                        two("[0,4]", "[2,6]", 6),
                        "Cannot read tensor 'b' from x.safetensors: expected data from byte 4 on (the end of tensor 'a'),"
                                + " got an overlap: data from byte 2 on"),
                Arguments.of(
                        two("[0,4]", "[0,4]", 4),
                        "Cannot read tensor 'b' from x.safetensors: expected data from byte 4 on (the end of tensor 'a'),"
                                + " got an overlap: data from byte 0 on"),
                Arguments.of(
                        SafetensorsWriter.file("{}", new byte[3]),
                        "Cannot read x.safetensors: expected 0 bytes of data (all tensors together), got 3"));
    }

    @ParameterizedTest
    @MethodSource("brokenFiles")
    void aBrokenFileIsRefusedWithItsFault(byte[] bytes, String message) {
        assertThatThrownBy(() -> open(bytes)).isInstanceOf(InputException.class).hasMessage(message);
    }

    @Test
    void brokenJsonIsRefusedWithThePlaceOfTheError() {
        for (String header :
                new String[] {"{", "{\"a\"", "{\"a\":{\"dtype\":", "{,}", "{\"a\":01}", "{\"a\":NaN}", "{//\n}"}) {
            assertThatThrownBy(() -> open(SafetensorsWriter.file(header, new byte[0])))
                    .as(header)
                    .isInstanceOf(InputException.class)
                    .hasMessageStartingWith(
                            "Cannot read the header of x.safetensors: expected JSON, got an error in line ");
        }
    }

    @Test
    void anEndlessNumberOrNameIsRefused() {
        for (String header :
                new String[] {"{\"a\":{\"shape\":[" + "1".repeat(100_000) + "]}}", "{\"" + "a".repeat(100_000) + "\":1}"
                }) {
            assertThatThrownBy(() -> open(SafetensorsWriter.file(header, new byte[0])))
                    .isInstanceOf(InputException.class)
                    .hasMessageStartingWith("Cannot read the header of x.safetensors: expected JSON, got an error (");
        }
    }

    @Test
    void jsonInAnotherEncodingIsRefused() {
        byte[] header = "{}".getBytes(StandardCharsets.UTF_16LE);
        byte[] file = ByteBuffer.allocate(12)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(4)
                .put(header)
                .array();
        assertThatThrownBy(() -> open(file)).isInstanceOf(InputException.class).hasMessageContaining("expected JSON");
    }

    @Test
    void aGitLfsPointerIsNamed() throws IOException {
        Path file = directory.resolve("pointer.safetensors");
        Files.writeString(file, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n");
        assertThatThrownBy(() ->
                        SafetensorsFile.open(new org.apache.hadoop.fs.Path(file.toUri()), new Configuration(false)))
                .hasMessageEndingWith("got a Git LFS pointer; run git lfs pull where it was cloned");
    }

    @Test
    void aHeaderOverTheFormatsLimitIsRefusedUnread() throws IOException {
        Path file = directory.resolve("large.safetensors");
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.write(length(100_000_001, 0));
            sparse.setLength(200_000_000);
        }
        assertThatThrownBy(() ->
                        SafetensorsFile.open(new org.apache.hadoop.fs.Path(file.toUri()), new Configuration(false)))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot read large.safetensors: expected a header of at most 100000000 bytes (the format's"
                        + " limit), got 100000001");
    }

    @Test
    void aNameCannotBreakTheMessageApart() {
        byte[] file = SafetensorsWriter.file("{\"a\\n\\u0007" + "x".repeat(300) + "\":1}", new byte[0]);
        assertThatThrownBy(() -> open(file))
                .hasMessage("Cannot read tensor 'a\\u000a\\u0007" + "x".repeat(197)
                        + "...' from x.safetensors: expected an object of dtype, shape and data_offsets, got 1");
    }

    @Test
    void everyDtypeAndRankIsSized() throws IOException {
        SafetensorsWriter writer = new SafetensorsWriter();
        for (DType dtype : DType.values()) {
            writer.tensor("scalar8." + dtype, dtype, new byte[dtype.bits()], 8);
            writer.tensor("empty." + dtype, dtype, new byte[0], 0, 5);
        }
        writer.tensor("scalar", DType.F32, new byte[4]);
        writer.tensor("high", DType.U8, new byte[1], 1, 1, 1, 1, 1, 1, 1);
        try (SafetensorsFile file = open(writer.bytes())) {
            assertThat(file.entries()).hasSize(2 * DType.values().length + 2);
            assertThat(file.entries().get("scalar").shape()).isEqualTo(Shape.of());
            assertThat(file.read("high").shape().rank()).isEqualTo(7);
            assertThat(file.read("empty.F8_E8M0").bytes()).isZero();
        }
    }

    @Test
    void rowsAreReadByPosition() throws IOException {
        SafetensorsWriter writer =
                new SafetensorsWriter().random("before", 5).floats("a", new float[] {1, 2, 3, 4, 5, 6}, 3, 2);
        try (SafetensorsFile file = open(writer.bytes())) {
            StoredTensor rows = file.readRows(file.entries().get("a"), 1, 3);
            FloatBuffer out = FloatBuffer.allocate(2);
            rows.copyTo(out);
            assertThat(out.array()).containsExactly(3, 4);
            assertThat(rows.name()).isEqualTo("a[1:2]");
            assertThat(rows.shape()).isEqualTo(Shape.of(1, 2));
        }
    }

    @Test
    void lengthsAreReadAsLongs() throws IOException {
        byte[] bytes = ByteBuffer.allocate(16)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(-3)
                .putLong(1L << 40)
                .array();
        try (SafetensorsFile file =
                open(new SafetensorsWriter().tensor("n", DType.I64, bytes, 2).bytes())) {
            LongBuffer out = LongBuffer.allocate(2);
            file.read("n").copyTo(out);
            assertThat(out.array()).containsExactly(-3, 1L << 40);
            assertThatThrownBy(() -> file.read("n").copyTo(FloatBuffer.allocate(2)))
                    .hasMessage("tensor 'n' holds no floats but I64");
            assertThatThrownBy(() -> file.read("m"))
                    .isInstanceOf(InputException.class)
                    .hasMessage("Cannot read tensor 'm' from x.safetensors: expected one, got no such tensor");
        }
    }

    @Test
    void aTensorOverOneChunkIsReadInSeveral() throws IOException {
        long rows = StoredTensor.CHUNK_BYTES / 4 + 3;
        Path path = directory.resolve("x.safetensors");
        String header = "{\"a\":{\"dtype\":\"F32\",\"shape\":[" + rows + "],\"data_offsets\":[0," + 4 * rows + "]}}";
        SafetensorsWriter.write(path, SafetensorsWriter.file(header, new byte[0]));
        try (RandomAccessFile sparse = new RandomAccessFile(path.toFile(), "rw")) {
            long start = sparse.length();
            sparse.setLength(start + 4 * rows);
            sparse.seek(start + 4 * rows - 12);
            sparse.writeInt(Integer.reverseBytes(Float.floatToRawIntBits(1.5f)));
            sparse.writeInt(0);
            sparse.writeInt(Integer.reverseBytes(Float.floatToRawIntBits(-2.5f)));
        }
        try (SafetensorsFile file =
                SafetensorsFile.open(new org.apache.hadoop.fs.Path(path.toUri()), new Configuration(false))) {
            StoredTensor tensor = file.read("a");
            FloatBuffer out = FloatBuffer.allocate((int) rows);
            tensor.copyTo(out);
            assertThat(out.hasRemaining()).isFalse();
            assertThat(tensor.bytes()).isEqualTo(4 * rows);
            assertThat(out.get((int) rows - 4)).isZero();
            assertThat(out.get((int) rows - 3)).isEqualTo(1.5f);
            assertThat(out.get((int) rows - 1)).isEqualTo(-2.5f);
            assertThat(tensor.firstNotFinite()).isEmpty();
        }
    }
}
