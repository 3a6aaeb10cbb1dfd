package dev.braid.task;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.catalog.ExternalCatalogUtils;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PartitionPathTest {
    private static final PartitionPath DT = new PartitionPath(
            List.of("dt"), List.of(field("id", DataTypes.LongType), field("dt", DataTypes.StringType)));

    @Test
    void everyCharacterIsEscapedAsSparkDoes() {
        StringBuilder all = new StringBuilder();
        for (char c = 1; c < Character.MAX_VALUE; c++) {
            all.append(c);
        }
        assertThat(PartitionPath.escape(all.toString())).isEqualTo(ExternalCatalogUtils.escapePathName(all.toString()));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"2026-11-26", "a/b", "a=b", "50%", "a b", "图像", "é", "a:b", "{x}", "a\nb", ".", "0.10", "null"})
    void aValueNamesTheDirectoryThatSparkWouldGiveIt(String value) {
        InternalRow row = row(value);
        assertThat(DT.problem(row)).isNull();
        assertThat(DT.of(row)).isEqualTo(ExternalCatalogUtils.getPartitionPathString("dt", value));
    }

    @Test
    void columnsNestInTheirOrderAndNullHasANameOfItsOwn() {
        List<StructField> fields = List.of(
                field("id", DataTypes.LongType),
                field("lang", DataTypes.StringType),
                field("d=t", DataTypes.DateType),
                field("n", DataTypes.ShortType),
                field("b", DataTypes.BooleanType));
        PartitionPath paths = new PartitionPath(List.of("d=t", "lang", "n", "b"), fields);
        InternalRow row = new GenericInternalRow(new Object[] {1L, null, 20_000, (short) -7, true});
        assertThat(paths.of(row)).isEqualTo("d%3Dt=2024-10-04/lang=__HIVE_DEFAULT_PARTITION__/n=-7/b=true");
        assertThat(new PartitionPath(List.of(), fields).of(row)).isEmpty();
    }

    @Test
    void valuesThatReadersWouldNotGiveBackAreNamed() {
        String expected = "column 'dt': expected values that can name a directory, got ";
        assertThat(DT.problem(row(""))).startsWith(expected + "an empty one, which readers take for null");
        assertThat(DT.problem(row("__HIVE_DEFAULT_PARTITION__")))
                .startsWith(expected + "'__HIVE_DEFAULT_PARTITION__', which readers take for null");
        assertThat(DT.problem(row("a\0b"))).startsWith(expected + "one with bytes that are no text");
        assertThat(DT.problem(row(UTF8String.fromBytes(new byte[] {'a', (byte) 0xff}))))
                .startsWith(expected + "one with bytes that are no text");
        assertThat(DT.problem(row("é".repeat(126)))).isNull();
        assertThat(DT.problem(row("é".repeat(127))))
                .startsWith(expected + "one whose directory name, 'dt=ééé")
                .contains("has 257 bytes, more than 255");
        assertThat(DT.problem(row((UTF8String) null))).isNull();
    }

    private static InternalRow row(String value) {
        return row(UTF8String.fromString(value));
    }

    private static InternalRow row(UTF8String value) {
        return new GenericInternalRow(new Object[] {1L, value});
    }

    private static StructField field(String name, DataType type) {
        return new StructField(name, type, true, Metadata.empty());
    }
}
