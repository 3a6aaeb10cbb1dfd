package dev.braid.task;

import dev.braid.decode.BadRow;
import dev.braid.decode.Fault;
import dev.braid.decode.Reason;
import dev.braid.decode.RowPolicy;
import dev.braid.publish.Shard;
import dev.braid.rows.ValueRows;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * Sets aside the bad rows of one task, in a file that is opened for the first of them. Ends the task's rows if the policy
 * does not allow a row to be set aside, or if the bad rows that the task knows of exceed the run's limit.
 */
public final class Quarantine implements BadRowHandler, AutoCloseable {
    static final String KEY = "key";
    static final String MODALITY = "modality";
    static final String COLUMN = "column";
    static final String TOKEN = "token";
    public static final String REASON = "reason";
    static final String DETAIL = "detail";
    static final String SOURCE_FILE = "source_file";
    static final String RUN_ID = "run_id";

    private final Run run;
    private final ValueRows rows;
    private final Supplier<RowFile> opener;
    private final Map<Reason, Long> counts = new EnumMap<>(Reason.class);
    /** The message with which the run fails; null as long as the policy sets every bad row aside. */
    private String failure;
    /** Bad rows of the whole run, as far as this task knows. */
    private long bad;
    /** Null until the first row. */
    private RowFile file;

    /** A file that takes rows of {@link #schema}, each valid until the next one. */
    interface RowFile extends AutoCloseable {
        void write(InternalRow row) throws IOException;

        @Override
        void close() throws IOException;
    }

    /**
     * What a task knows about its run.
     *
     * @param id of the run, written in every row
     * @param rows of the whole input
     * @param badKeys rows that were set aside before the tasks began
     */
    public record Run(String id, RowPolicy policy, long rows, long badKeys) implements Serializable {

        /** The run, counting also the rows that finished tasks have set aside. */
        Run and(List<Shard> finished) {
            long bad = finished.stream().mapToLong(Shard::setAside).sum();
            return new Run(id, policy, rows, badKeys + bad);
        }
    }

    /**
     * The quarantine of one task.
     *
     * @param key type of the key
     * @param opener creates the file
     */
    Quarantine(Run run, DataType key, Supplier<RowFile> opener) {
        this.run = run;
        this.rows = new ValueRows(schema(key));
        this.opener = opener;
        this.bad = run.badKeys();
    }

    /** The columns: the key in its own type, and why its row cannot be fused. They contain no features. */
    public static StructType schema(DataType key) {
        return new StructType()
                .add(KEY, key)
                .add(MODALITY, DataTypes.StringType)
                .add(COLUMN, DataTypes.StringType)
                .add(TOKEN, DataTypes.IntegerType)
                .add(REASON, DataTypes.StringType, false)
                .add(DETAIL, DataTypes.StringType, false)
                .add(SOURCE_FILE, DataTypes.StringType)
                .add(RUN_ID, DataTypes.StringType, false);
    }

    /** A row of {@link #schema}, in the buffer of {@code rows}. */
    public static InternalRow row(ValueRows rows, Object key, Fault fault, String sourceFile, String runId) {
        return rows.of(
                key,
                fault.modality(),
                fault.column(),
                fault.token(),
                fault.reason().reasonName(),
                fault.detail(),
                sourceFile,
                runId);
    }

    @Override
    public boolean reject(BadRow row) {
        if (!run.policy().quarantines(row.reason())) {
            failure = row.message();
            return false;
        }
        Object key = row.carried().isNullAt(0) ? null : row.carried().get(0, row.keyType());
        try {
            if (file == null) {
                file = opener.get();
            }
            file.write(row(rows, key, row.fault(), row.sourceFile(), run.id()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        counts.merge(row.reason(), 1L, Long::sum);
        bad++;
        return !run.policy().maxBadRows().exceeded(bad, run.rows());
    }

    /** The number of rows that were set aside, by reason. */
    Map<Reason, Long> counts() {
        return counts;
    }

    /**
     * The message with which the run fails, if there was a row that the policy does not set aside. The task itself succeeds,
     * because the cluster would try a failed task again.
     */
    Optional<String> failure() {
        return Optional.ofNullable(failure);
    }

    /** Closes the file, if there is one. */
    @Override
    public void close() throws IOException {
        if (file != null) {
            file.close();
        }
    }
}
