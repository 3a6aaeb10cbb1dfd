package dev.braid.ml;

import dev.braid.InputException;
import dev.braid.spark.FusionEngine;
import java.util.List;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWritable;
import org.apache.spark.ml.util.Identifiable;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * A stage of a Spark ML pipeline that appends fused columns to a table which has every modality, as {@link
 * FusionEngine#append} does. Its parameters are the options of {@code braid fuse}, in Spark ML's spelling: {@code
 * --max-tokens} is {@code maxTokens}.
 *
 * <p>Nothing is computed before an action needs a fused column. At its first use, the model is read, checked against its
 * golden file if it has one, and sent to each executor once; the transformer's copies share it, and {@link #close} frees it.
 * A saved transformer contains the path of the model's directory, not the model.
 *
 * <p>If a parameter, the model or a column is wrong, asking for a schema or a table throws an {@link InputException}. If a
 * row cannot be fused, Spark's exception has an {@code InputException} among its causes. Driver only.
 */
public final class FusionTransformer extends FusionParams implements DefaultParamsWritable, AutoCloseable {
    private static final long serialVersionUID = 1L;

    /** Shared with copies. */
    private transient Engines engines = new Engines();

    /** A transformer without a model. */
    public FusionTransformer() {
        this(Identifiable.randomUID("fusion"));
    }

    /** A transformer without a model, with this identifier. */
    public FusionTransformer(String uid) {
        super(uid);
    }

    /** Loads a transformer that {@link #save} has written. */
    public static FusionTransformer load(String path) {
        return read().load(path);
    }

    /** The reader that {@link #load} and Spark ML's pipelines use. */
    public static MLReader<FusionTransformer> read() {
        return new DefaultParamsReader<>();
    }

    /**
     * The table's columns and the fused ones. No row is read or computed.
     *
     * @throws InputException if a parameter or the model is wrong, or the table lacks a column or has one of the wrong type
     */
    @Override
    public Dataset<Row> transform(Dataset<?> table) {
        FusionSettings settings = FusionSettings.of(this, table.schema());
        return settings.asVectors(engine(settings, table.sparkSession()).append(table.toDF()));
    }

    /** The columns that {@link #transform} would return for a table with these columns; it throws the same exceptions. */
    @Override
    public StructType transformSchema(StructType schema) {
        SparkSession session = SparkSession.active();
        return transform(session.createDataFrame(List.of(), schema)).schema();
    }

    private FusionEngine engine(FusionSettings settings, SparkSession session) {
        if (engines == null) {
            engines = new Engines(); // transient: null after Java deserialisation
        }
        return engines.of(settings, session);
    }

    @Override
    public FusionTransformer copy(ParamMap extra) {
        FusionTransformer copy = defaultCopy(extra);
        copy.engines = engines;
        return copy;
    }

    /** Frees the model's memory, also for copies of this transformer; the next use reads the model again. */
    @Override
    public void close() {
        if (engines != null) {
            engines.close();
        }
    }

    /** Sets {@link #model}. */
    public FusionTransformer setModel(String value) {
        set(model(), value);
        return this;
    }

    /** Sets {@link #modelSha256}. */
    public FusionTransformer setModelSha256(String value) {
        set(modelSha256(), value);
        return this;
    }

    /** Sets {@link #key}. */
    public FusionTransformer setKey(String value) {
        set(key(), value);
        return this;
    }

    /** Sets {@link #column}. */
    public FusionTransformer setColumn(String... value) {
        set(column(), value);
        return this;
    }

    /** Sets {@link #dtype}. */
    public FusionTransformer setDtype(String... value) {
        set(dtype(), value);
        return this;
    }

    /** Sets {@link #boxes}. */
    public FusionTransformer setBoxes(String... value) {
        set(boxes(), value);
        return this;
    }

    /** Sets {@link #mask}. */
    public FusionTransformer setMask(String... value) {
        set(mask(), value);
        return this;
    }

    /** Sets {@link #length}. */
    public FusionTransformer setLength(String... value) {
        set(length(), value);
        return this;
    }

    /** Sets {@link #emit}. */
    public FusionTransformer setEmit(String... value) {
        set(emit(), value);
        return this;
    }

    /** Sets {@link #vectors}. */
    public FusionTransformer setVectors(String value) {
        set(vectors(), value);
        return this;
    }

    /** Sets {@link #pooling}. */
    public FusionTransformer setPooling(String value) {
        set(pooling(), value);
        return this;
    }

    /** Sets {@link #truncate}. */
    public FusionTransformer setTruncate(boolean value) {
        set(truncate(), value);
        return this;
    }

    /** Sets {@link #maxTokens}. */
    public FusionTransformer setMaxTokens(int value) {
        set(maxTokens(), value);
        return this;
    }

    /** Sets {@link #precision}. */
    public FusionTransformer setPrecision(String value) {
        set(precision(), value);
        return this;
    }

    /** Sets {@link #onMissingModality}. */
    public FusionTransformer setOnMissingModality(String value) {
        set(onMissingModality(), value);
        return this;
    }

    /** Sets {@link #noVerify}. */
    public FusionTransformer setNoVerify(boolean value) {
        set(noVerify(), value);
        return this;
    }

    /** Sets {@link #tolerance}. */
    public FusionTransformer setTolerance(double value) {
        set(tolerance(), value);
        return this;
    }
}
