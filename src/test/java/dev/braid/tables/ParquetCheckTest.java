package dev.braid.tables;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.crypto.EncryptionPropertiesFactory;
import org.apache.parquet.crypto.keytools.KmsClient;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ParquetCheckTest {
    private static final String FACTORY = "parquet.crypto.factory.class";
    private static final String KMS = "parquet.encryption.kms.client.class";
    private static final String PRESENT = "org.apache.parquet.crypto.keytools.PropertiesDrivenCryptoFactory";

    private final Configuration writing = new Configuration(false);

    private void check(DataType key) {
        ParquetCheck.refuseUnwritable(writing::get, key);
    }

    @ParameterizedTest
    @ValueSource(strings = {"footer.key", "column.keys", "uniform.key"})
    void keysThatNothingWouldEncryptWithAreRefused(String key) {
        writing.set("parquet.encryption." + key, "k1");
        assertThatThrownBy(() -> check(DataTypes.LongType))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot write the table: expected 'parquet.crypto.factory.class' with 'parquet.encryption."
                        + key + "', got none; set it, or unset the key");
        writing.set(FACTORY, PRESENT);
        assertThatThrownBy(() -> check(DataTypes.LongType))
                .hasMessageContaining("expected 'parquet.encryption.kms.client.class' with 'parquet.encryption." + key);
        writing.setClass(KMS, Keys.class, KmsClient.class);
        assertThatCode(() -> check(DataTypes.LongType)).doesNotThrowAnyException();
        writing.unset(KMS);
        writing.setClass(FACTORY, OwnFactory.class, EncryptionPropertiesFactory.class);
        assertThatCode(() -> check(DataTypes.LongType)).doesNotThrowAnyException();
    }

    /** Never called. */
    private abstract static class Keys implements KmsClient {}

    private abstract static class OwnFactory implements EncryptionPropertiesFactory {}

    @Test
    void classesThatNoLibraryHasAreRefusedAllAtOnce() {
        writing.set(FACTORY, PRESENT);
        writing.set(KMS, "com.example.NoKms");
        assertThatThrownBy(() -> check(DataTypes.LongType))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot write the table: expected a class in the libraries of the run"
                        + " (parquet.encryption.kms.client.class), got 'com.example.NoKms', which none of them has; add the"
                        + " library before the --, with --jars or --packages");
        assertThatThrownBy(() -> ParquetCheck.refuseUnreadable(writing::get))
                .isInstanceOf(InputException.class)
                .hasMessageStartingWith("Cannot read Parquet files: expected a class in the libraries of the run"
                        + " (parquet.encryption.kms.client.class), got 'com.example.NoKms', which none of them has");
        writing.set(FACTORY, "java.lang.String");
        assertThatThrownBy(() -> check(DataTypes.LongType))
                .hasMessageStartingWith("Cannot write the table:\n  expected a class")
                .hasMessageContaining("got 'java.lang.String', which does not implement EncryptionPropertiesFactory\n")
                .hasMessageContaining("got 'com.example.NoKms', which none of them has");
    }

    /** Two keys that differ in their microseconds would be written as one. */
    @Test
    void timesAsKeysAreNotCutToMilliseconds() {
        DataType nested = new StructType().add("t", DataTypes.createArrayType(DataTypes.TimestampType));
        writing.set("spark.sql.parquet.outputTimestampType", "timestamp_millis");
        for (DataType key : new DataType[] {DataTypes.TimestampType, nested}) {
            assertThatThrownBy(() -> check(key))
                    .isInstanceOf(InputException.class)
                    .hasMessageStartingWith("Cannot write the table: expected keys that are stored as they are, got"
                            + " 'spark.sql.parquet.outputTimestampType' TIMESTAMP_MILLIS");
        }
        assertThatCode(() -> check(DataTypes.TimestampNTZType)).doesNotThrowAnyException();
        assertThatCode(() -> check(DataTypes.DateType)).doesNotThrowAnyException();
        writing.set("spark.sql.parquet.outputTimestampType", "INT96");
        assertThatCode(() -> check(DataTypes.TimestampType)).doesNotThrowAnyException();
    }
}
