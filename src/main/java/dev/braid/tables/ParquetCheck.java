package dev.braid.tables;

import dev.braid.InputException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import org.apache.parquet.crypto.DecryptionPropertiesFactory;
import org.apache.parquet.crypto.EncryptionPropertiesFactory;
import org.apache.parquet.crypto.keytools.KmsClient;
import org.apache.parquet.crypto.keytools.PropertiesDrivenCryptoFactory;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/** Refuses Parquet settings with which a run would fail. Driver only. */
public final class ParquetCheck {
    private static final String FACTORY = "parquet.crypto.factory.class";
    private static final String KMS = "parquet.encryption.kms.client.class";

    private ParquetCheck() {}

    /**
     * Refuses settings with which a table cannot be written, before anything is computed.
     *
     * @param setting the value of a setting of Hadoop or of the Parquet writer; null if it is not set
     * @param key type of the key
     * @throws InputException with everything that is wrong
     */
    public static void refuseUnwritable(UnaryOperator<String> setting, DataType key) {
        List<String> problems = new ArrayList<>();
        for (String kind : List.of("footer.key", "column.keys", "uniform.key")) {
            String name = "parquet.encryption." + kind;
            // parquet-java ignores the names of keys if no factory is set. Its own factory needs a service to get the
            // keys.
            String lacking =
                    setting.apply(FACTORY) == null ? FACTORY : isParquetsOwn(setting.apply(FACTORY)) ? KMS : null;
            if (setting.apply(name) != null && lacking != null && setting.apply(lacking) == null) {
                problems.add("expected '" + lacking + "' with '" + name + "', got none; set it, or unset the key");
            }
        }
        checkClass(FACTORY, EncryptionPropertiesFactory.class, setting, problems);
        checkClass(KMS, KmsClient.class, setting, problems);
        if (holdsTimestamp(key) && "TIMESTAMP_MILLIS".equalsIgnoreCase(setting.apply(WriterSettings.TIMESTAMP_TYPE))) {
            problems.add(
                    "expected keys that are stored as they are, got '" + WriterSettings.TIMESTAMP_TYPE
                            + "' TIMESTAMP_MILLIS, which cuts their microseconds and makes keys equal; set it to TIMESTAMP_MICROS");
        }
        refuse("Cannot write the table", problems);
    }

    /**
     * Refuses settings that name decryption classes which no library has, before a file is read.
     *
     * @param setting as in {@link #refuseUnwritable}
     * @throws InputException with everything that is wrong
     */
    static void refuseUnreadable(UnaryOperator<String> setting) {
        List<String> problems = new ArrayList<>();
        checkClass(FACTORY, DecryptionPropertiesFactory.class, setting, problems);
        checkClass(KMS, KmsClient.class, setting, problems);
        refuse("Cannot read Parquet files", problems);
    }

    private static void refuse(String summary, List<String> problems) {
        if (problems.size() == 1) {
            throw new InputException(summary + ": " + problems.get(0));
        }
        if (!problems.isEmpty()) {
            throw InputException.of(summary, problems);
        }
    }

    private static boolean isParquetsOwn(String factory) {
        return factory.strip().equals(PropertiesDrivenCryptoFactory.class.getName());
    }

    private static void checkClass(String named, Class<?> role, UnaryOperator<String> setting, List<String> problems) {
        String name = setting.apply(named);
        if (name == null) {
            return;
        }
        String expected = "expected a class in the libraries of the run (" + named + "), got '" + name.strip() + "', ";
        try {
            ClassLoader loader = Thread.currentThread().getContextClassLoader();
            if (!role.isAssignableFrom(Class.forName(name.strip(), false, loader))) {
                problems.add(expected + "which does not implement " + role.getSimpleName());
            }
        } catch (ClassNotFoundException | LinkageError absent) {
            problems.add(expected + "which none of them has; add the library before the --, with --jars or --packages");
        }
    }

    private static boolean holdsTimestamp(DataType type) {
        if (type instanceof StructType struct) {
            return Arrays.stream(struct.fields()).map(StructField::dataType).anyMatch(ParquetCheck::holdsTimestamp);
        }
        return type instanceof ArrayType array
                ? holdsTimestamp(array.elementType())
                : type.equals(DataTypes.TimestampType);
    }
}
