package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.batch.CheckedCopy;
import dev.braid.batch.ElementType;
import dev.braid.batch.FeatureSequence;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.Pooling;
import dev.braid.decode.BadRow;
import dev.braid.decode.DecodedRow;
import dev.braid.decode.DecodedRow.Sequences;
import dev.braid.decode.RowDecoder;
import dev.braid.rows.FeatureType;
import dev.braid.tables.FeatureColumn;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroup;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.hadoop.util.HadoopOutputFile;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Arrays of Parquet's FLOAT16, flat and nested, in column batches and in shuffled rows. */
@ExtendWith(SharedSpark.class)
class HalfFloatsTest {
    private static final int WIDTH = 4;
    private static final int TOKENS = 3000;
    private static final MessageType SCHEMA = MessageTypeParser.parseMessageType("""
            message m {
              required binary id (STRING);
              optional group flat (LIST) { repeated group list { optional fixed_len_byte_array(2) element (FLOAT16); } }
              optional group nested (LIST) { repeated group list { optional group element (LIST) {
                repeated group list { optional fixed_len_byte_array(2) element (FLOAT16); } } } }
              optional fixed_len_byte_array(2) one (FLOAT16);
            }""");

    private final SparkSession spark;

    @TempDir
    private Path directory;

    HalfFloatsTest(SparkSession spark) {
        this.spark = spark;
    }

    @ParameterizedTest
    @CsvSource({"true, false", "false, false", "true, true", "false, true"})
    void everyNumberIsThatOfTheHalfFloat(boolean dictionary, boolean shuffled) throws IOException {
        // Every half float that is finite is in some row.
        int[][] bits = new int[6][TOKENS * WIDTH];
        int next = 0;
        for (int[] row : bits) {
            for (int i = 0; i < row.length; i++, next++) {
                int half = next & 0xffff;
                row[i] = (half & 0x7c00) == 0x7c00 ? 0 : half;
            }
        }
        Path file = write(dictionary, bits);
        PairedTable paired =
                open(spark, file, null, List.of()).pair(shuffled ? OptionalInt.of(2) : OptionalInt.empty());
        assertThat(paired.scan().isPresent()).isEqualTo(!shuffled);
        FusionConfig config = new FusionConfig(paired.columns(), Integer.MAX_VALUE, false, Set.of(Emitted.TOKENS));
        ModelConfig model = PairedRows.model(paired.columns(), false, Pooling.MEAN);
        RowDecoder decoder = paired.decoder(config, model);
        List<List<float[]>> rows =
                paired.storedRows().map(row -> decoded(decoder.decode(row))).collect();
        assertThat(rows).hasSize(bits.length);
        for (int[] row : bits) {
            float[] expected = floats(row);
            assertThat(rows)
                    .anyMatch(found -> Arrays.equals(found.get(0), expected) && Arrays.equals(found.get(1), expected));
        }
    }

    @Test
    void aNullNumberIsRefusedAsInAnyArray() throws IOException {
        int[] withNull = new int[2 * WIDTH];
        withNull[WIDTH + 1] = -1;
        PairedTable paired = open(spark, write(true, withNull), null, List.of()).pair(OptionalInt.empty());
        FusionConfig config = new FusionConfig(paired.columns(), Integer.MAX_VALUE, false, Set.of(Emitted.TOKENS));
        RowDecoder decoder = paired.decoder(config, PairedRows.model(paired.columns(), false, Pooling.MEAN));
        assertThat(paired.storedRows()
                        .map(row -> ((BadRow) decoder.decode(row)).message())
                        .collect())
                .singleElement()
                .asString()
                .contains("column 'flat' holds null at token 1, expected numbers");
    }

    @Test
    void whatCannotBeReadIsRefusedWithTheWayOut() throws IOException {
        Path file = write(true, new int[WIDTH]);
        String table = "Cannot open feature tables:\n  table '" + file + "': expected column ";
        assertThatThrownBy(() -> open(spark, file, null, List.of("nested")))
                .isInstanceOf(InputException.class)
                .hasMessage(
                        table + "'nested' (kept) of a type that Spark reads, got Parquet type 'FLOAT16'; store it as"
                                + " float32");
        assertThatThrownBy(() -> open(spark, file, ElementType.BFLOAT16, List.of()))
                .hasMessageContaining("expected column 'flat' of binary (dtype bfloat16 of 'flat'), got array<binary>");
        open(spark, file, ElementType.FLOAT16, List.of());
        SparkSession rowByRow = spark.newSession();
        rowByRow.conf().set("spark.sql.parquet.enableVectorizedReader", false);
        assertThatThrownBy(() -> open(rowByRow, file, null, List.of()))
                .hasMessageStartingWith(table + "'flat' of half floats that Spark reads in column batches (features of"
                        + " 'flat'), got setting 'spark.sql.parquet.enableVectorizedReader' false; change that, or store"
                        + " them as float32");
        TableColumns one = new TableColumns(
                "id", List.of(), List.of(new FeatureColumn(new ModalityConfig("one", 1), "one", null)));
        assertThatThrownBy(() -> Tables.paired(spark, file.toString(), one))
                .hasMessage(table + "'one' of " + FeatureType.EXPECTED + " (features of 'one'), got one half float");
        assertThatThrownBy(() -> PairedTable.of(spark.sql("select 'a' as id, array(X'0000') as one"), one))
                .hasMessageContaining("got array<binary>");
    }

    private static List<float[]> decoded(DecodedRow row) {
        List<float[]> floats = new ArrayList<>();
        for (FeatureSequence sequence : ((Sequences) row).byModality()) {
            FloatBuffer numbers = FloatBuffer.allocate(sequence.tokens() * WIDTH);
            sequence.copyTo(new CheckedCopy(numbers), 0, sequence.tokens());
            floats.add(numbers.array());
        }
        return floats;
    }

    private static float[] floats(int[] bits) {
        float[] floats = new float[bits.length];
        for (int i = 0; i < bits.length; i++) {
            int exponent = (bits[i] >> 10) & 31;
            int fraction = bits[i] & 1023;
            double size = exponent == 0 ? fraction * 0x1p-24 : (1024 + fraction) * Math.scalb(1.0, exponent - 25);
            floats[i] = (float) (bits[i] < 0x8000 ? size : -size);
        }
        return floats;
    }

    private FeatureTables open(SparkSession session, Path file, ElementType dtype, List<String> keep) {
        List<FeatureColumn> features = new ArrayList<>();
        for (String name : List.of("flat", "nested")) {
            features.add(new FeatureColumn(new ModalityConfig(name, WIDTH), name, dtype));
        }
        return Tables.paired(session, file.toString(), new TableColumns("id", keep, features));
    }

    /** A row of each of these numbers' bits; -1 is null. */
    private Path write(boolean dictionary, int[]... rows) throws IOException {
        Path file = directory.resolve("half.parquet");
        try (ParquetWriter<Group> writer = ExampleParquetWriter.builder(
                        HadoopOutputFile.fromPath(new org.apache.hadoop.fs.Path(file.toUri()), new Configuration()))
                .withType(SCHEMA)
                .withDictionaryEncoding(dictionary)
                .build()) {
            int key = 0;
            for (int[] bits : rows) {
                SimpleGroup row = new SimpleGroup(SCHEMA);
                row.add("id", "k" + key++);
                Group flat = row.addGroup("flat");
                Arrays.stream(bits).forEach(half -> add(flat, half));
                Group nested = row.addGroup("nested");
                for (int t = 0; t < bits.length; t += WIDTH) {
                    Group token = nested.addGroup("list").addGroup("element");
                    Arrays.stream(bits, t, t + WIDTH).forEach(half -> add(token, half));
                }
                writer.write(row);
            }
        }
        return file;
    }

    private static void add(Group list, int half) {
        Group element = list.addGroup("list");
        if (half >= 0) {
            element.add("element", Binary.fromConstantByteArray(new byte[] {(byte) half, (byte) (half >> 8)}));
        }
    }
}
