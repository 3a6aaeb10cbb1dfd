package dev.braid.task;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.decode.BadRow;
import dev.braid.decode.Fault;
import dev.braid.decode.MaxBadRows;
import dev.braid.decode.Reason;
import dev.braid.decode.RowPolicy;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.CatalystTypeConverters;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.unsafe.types.UTF8String;
import org.junit.jupiter.api.Test;

class QuarantineTest {
    private static final RowPolicy BOTH = policy(RowPolicy.OnBadRow.QUARANTINE, RowPolicy.OnMissing.QUARANTINE);
    private static final Fault NARROW = new Fault(Reason.WRONG_WIDTH, "visual", "pixels", 3, "has width 2, expected 3");

    private final List<Row> written = new ArrayList<>();
    private int opened;
    private int closed;

    private static RowPolicy policy(RowPolicy.OnBadRow onBadRow, RowPolicy.OnMissing onMissing) {
        return new RowPolicy(onBadRow, MaxBadRows.UNLIMITED, onMissing);
    }

    @Test
    void aRowIsItsKeyInItsOwnTypeAndWhyItIsBad() throws IOException {
        Map<DataType, Object> keys = Map.of(
                DataTypes.StringType,
                UTF8String.fromBytes(new byte[] {(byte) 0xff}),
                DataTypes.LongType,
                -7L,
                DataTypes.BinaryType,
                new byte[] {1, 2},
                DataTypes.DateType,
                -1000,
                DataTypes.createDecimalType(38, 2),
                Decimal.apply("12345678901234567890.12"));
        keys.forEach((type, key) -> {
            written.clear();
            Quarantine quarantine = quarantine(BOTH, type);
            assertThat(quarantine.reject(bad(type, key, NARROW, "file:///a%20b.parquet")))
                    .isTrue();
            Row row = written.get(0);
            assertThat(row.get(0)).isEqualTo(CatalystTypeConverters.convertToScala(key, type));
            assertThat(row.toString())
                    .endsWith(",visual,pixels,3,wrong_width,has width 2, expected 3,file:///a%20b.parquet,run-1]");
        });
    }

    @Test
    void aNullKeyAndAFaultOfTheWholeRowLeaveTheirColumnsNull() {
        Quarantine quarantine = quarantine(BOTH, DataTypes.StringType);
        quarantine.reject(bad(DataTypes.StringType, null, Fault.ofRow(Reason.TOO_LONG, "9 tokens"), null));
        assertThat(written.get(0).toString()).isEqualTo("[null,null,null,null,too_long,9 tokens,null,run-1]");
    }

    @Test
    void theFileIsOpenedForTheFirstBadRowAndClosedOnce() throws IOException {
        try (Quarantine none = quarantine(BOTH, DataTypes.LongType)) {
            assertThat(none.counts()).isEmpty();
        }
        assertThat(opened).isZero();
        try (Quarantine quarantine = quarantine(BOTH, DataTypes.LongType)) {
            quarantine.reject(bad(DataTypes.LongType, 1L, NARROW, null));
            quarantine.reject(bad(DataTypes.LongType, 2L, Fault.ofRow(Reason.NULL_KEY, "is null"), null));
            quarantine.reject(bad(DataTypes.LongType, 3L, NARROW, null));
            assertThat(quarantine.counts())
                    .containsExactly(Map.entry(Reason.NULL_KEY, 1L), Map.entry(Reason.WRONG_WIDTH, 2L));
        }
        assertThat(opened).isEqualTo(1);
        assertThat(closed).isEqualTo(1);
        assertThat(written).extracting(row -> row.get(0)).containsExactly(1L, 2L, 3L);
    }

    @Test
    void whatThePolicyDoesNotSetAsideEndsTheRows() {
        RowPolicy missingOnly = policy(RowPolicy.OnBadRow.FAIL, RowPolicy.OnMissing.QUARANTINE);
        Quarantine quarantine = quarantine(missingOnly, DataTypes.LongType);
        Fault missing = new Fault(Reason.MISSING_MODALITY, "text", null, null, "is missing");
        assertThat(quarantine.reject(bad(DataTypes.LongType, 1L, missing, null)))
                .isTrue();
        assertThat(quarantine.failure()).isEmpty();
        assertThat(quarantine.reject(bad(DataTypes.LongType, 2L, NARROW, null))).isFalse();
        assertThat(quarantine.failure()).hasValue("Cannot decode row '2': column 'pixels' has width 2, expected 3");
        assertThat(written).hasSize(1);

        RowPolicy rest = policy(RowPolicy.OnBadRow.QUARANTINE, RowPolicy.OnMissing.FUSE_REST);
        assertThat(rest.quarantines(Reason.MISSING_MODALITY)).isTrue();
        assertThat(policy(RowPolicy.OnBadRow.FAIL, RowPolicy.OnMissing.FUSE_REST)
                        .quarantines(Reason.MISSING_MODALITY))
                .isFalse();
        assertThat(policy(RowPolicy.OnBadRow.QUARANTINE, RowPolicy.OnMissing.FAIL)
                        .quarantines(Reason.MISSING_MODALITY))
                .isFalse();
    }

    @Test
    void aTaskEndsOnceItAloneHasTooManyBadRows() {
        RowPolicy three = new RowPolicy(
                RowPolicy.OnBadRow.QUARANTINE, MaxBadRows.parse("3").orElseThrow(), RowPolicy.OnMissing.FAIL);
        Quarantine quarantine = quarantine(three, DataTypes.LongType);
        for (long key = 0; key < 2; key++) {
            assertThat(quarantine.reject(bad(DataTypes.LongType, key, NARROW, null)))
                    .isTrue();
        }
        assertThat(quarantine.reject(bad(DataTypes.LongType, 2L, NARROW, null))).isFalse();
        assertThat(quarantine.failure()).isEmpty();
        assertThat(quarantine.counts()).containsExactly(Map.entry(Reason.WRONG_WIDTH, 3L));
    }

    @Test
    void aFileThatCannotBeWrittenFailsTheTask() {
        Quarantine.RowFile full = new Quarantine.RowFile() {
            @Override
            public void write(InternalRow row) throws IOException {
                throw new IOException("No space left on device");
            }

            @Override
            public void close() {}
        };
        Quarantine quarantine =
                new Quarantine(new Quarantine.Run("run-1", BOTH, 100, 0), DataTypes.LongType, () -> full);
        assertThatThrownBy(() -> quarantine.reject(bad(DataTypes.LongType, 1L, NARROW, null)))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("No space left on device");
    }

    /** Of a run that has one bad key already. */
    private Quarantine quarantine(RowPolicy policy, DataType key) {
        return new Quarantine(new Quarantine.Run("run-1", policy, 100, 1), key, () -> {
            opened++;
            return new Quarantine.RowFile() {
                @Override
                public void write(InternalRow row) {
                    written.add((Row) CatalystTypeConverters.convertToScala(row, Quarantine.schema(key)));
                }

                @Override
                public void close() {
                    closed++;
                }
            };
        });
    }

    private static BadRow bad(DataType type, Object key, Fault fault, String file) {
        InternalRow carried =
                UnsafeProjection.create(new DataType[] {type}).apply(new GenericInternalRow(new Object[] {key}));
        return new BadRow(carried, type, fault, file);
    }
}
