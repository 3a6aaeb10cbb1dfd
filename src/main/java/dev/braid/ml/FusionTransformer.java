package dev.braid.ml;

import dev.braid.InputException;
import dev.braid.spark.FusionEngine;
import java.util.List;
import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.param.StringArrayParam;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWritable;
import org.apache.spark.ml.util.Identifiable;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * A stage of a Spark ML pipeline that appends fused columns to a table which holds every modality, as {@link
 * FusionEngine#append} does. Its parameters are the options of {@code braid fuse}, in Spark ML's spelling: {@code
 * --max-tokens} is {@code maxTokens}.
 *
 * <p>Nothing is computed before an action asks for a fused column. The model is read and proven at the first use, and sent to
 * each executor once, for this transformer and its copies; {@link #close} frees it. A saved transformer names the model's
 * directory and does not contain it.
 *
 * <p>A wrong parameter, model or column is an {@link InputException} when a schema or a table is asked for; a row that cannot
 * be fused is one among the causes of Spark's exception. Driver only.
 */
public final class FusionTransformer extends Transformer implements DefaultParamsWritable, AutoCloseable {
    private static final long serialVersionUID = 1L;

    private final String uid;
    private final Param<String> model;
    private final Param<String> modelSha256;
    private final Param<String> key;
    private final StringArrayParam column;
    private final StringArrayParam dtype;
    private final StringArrayParam boxes;
    private final StringArrayParam mask;
    private final StringArrayParam length;
    private final StringArrayParam emit;
    private final Param<String> vectors;
    private final Param<String> pooling;
    private final BooleanParam truncate;
    private final IntParam maxTokens;
    private final Param<String> precision;
    private final Param<String> onMissingModality;
    private final BooleanParam noVerify;
    private final DoubleParam tolerance;
    /** Shared with copies. */
    private transient Engines engines = new Engines();

    /** A transformer without a model. */
    public FusionTransformer() {
        this(Identifiable.randomUID("fusion"));
    }

    /** The same under an identifier of its own. */
    public FusionTransformer(String uid) {
        this.uid = uid;
        this.model = new Param<>(this, "model", "the model directory");
        this.modelSha256 = new Param<>(
                this, "modelSha256", "the SHA-256 that the model directory must have; any where it is not set");
        this.key = new Param<>(this, "key", "the column by which messages name a row; none where it is not set");
        this.column = new StringArrayParam(
                this,
                "column",
                "the columns of features, as MODALITY=COLUMN; a modality that is not named has one of its name");
        this.dtype = new StringArrayParam(
                this,
                "dtype",
                "the numbers of binary columns, as MODALITY=TYPE: float32, float64, float16 or bfloat16");
        this.boxes = new StringArrayParam(
                this, "boxes", "the columns of boxes, as MODALITY=COLUMN; one for each modality with boxes");
        this.mask =
                new StringArrayParam(this, "mask", "the columns that say which tokens are kept, as MODALITY=COLUMN");
        this.length = new StringArrayParam(
                this, "length", "the columns that say how many tokens are kept, as MODALITY=COLUMN");
        this.emit = new StringArrayParam(this, "emit", "what to append: pooled, tokens, attention, attention-by-layer");
        this.vectors = new Param<>(
                this,
                "vectors",
                "how vectors are stored: vector (Spark ML's; of tokens, arrays), array, float32, float16 or int8");
        this.pooling = new Param<>(
                this,
                "pooling",
                "how a row's tokens become one vector: mean, max, last, cls, pooler or none; as the model says where it is not set");
        this.truncate =
                new BooleanParam(this, "truncate", "whether a sequence is cut to the positions that the model has");
        this.maxTokens = new IntParam(this, "maxTokens", "the token budget of one batch, and so of one row");
        this.precision = new Param<>(this, "precision", "what the model computes in: fp32 or bf16");
        this.onMissingModality = new Param<>(this, "onMissingModality", "what a null feature does: fail, or fuse-rest");
        this.noVerify = new BooleanParam(
                this, "noVerify", "whether the model's golden.safetensors is not replayed before the first use");
        this.tolerance = new DoubleParam(
                this,
                "tolerance",
                "how far a number may be from the one in golden.safetensors, relative to the root mean square of its vector");
        setDefault(column, new String[0]);
        setDefault(dtype, new String[0]);
        setDefault(boxes, new String[0]);
        setDefault(mask, new String[0]);
        setDefault(length, new String[0]);
        setDefault(emit, new String[] {"pooled"});
        setDefault(vectors, "vector");
        setDefault(truncate, false);
        setDefault(maxTokens, 4096);
        setDefault(precision, "fp32");
        setDefault(onMissingModality, "fail");
        setDefault(noVerify, false);
        setDefault(tolerance, 1e-4);
    }

    /** The transformer that {@link #save} has written. */
    public static FusionTransformer load(String path) {
        return read().load(path);
    }

    /** What {@link #load} and pipelines read one with. */
    public static MLReader<FusionTransformer> read() {
        return new DefaultParamsReader<>();
    }

    @Override
    public String uid() {
        return uid;
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

    /** The columns of {@link #transform}, from those of a table alone; errors are the same. */
    @Override
    public StructType transformSchema(StructType schema) {
        SparkSession session = SparkSession.active();
        return transform(session.createDataFrame(List.of(), schema)).schema();
    }

    private FusionEngine engine(FusionSettings settings, SparkSession session) {
        if (engines == null) {
            engines = new Engines(); // it came out of a Java stream
        }
        return engines.of(settings, session);
    }

    @Override
    public FusionTransformer copy(ParamMap extra) {
        FusionTransformer copy = defaultCopy(extra);
        copy.engines = engines;
        return copy;
    }

    /** Frees the model's memory, that of copies too; the next use reads the model again. */
    @Override
    public void close() {
        if (engines != null) {
            engines.close();
        }
    }

    /** The model directory. */
    public Param<String> model() {
        return model;
    }

    public FusionTransformer setModel(String value) {
        set(model, value);
        return this;
    }

    /** The SHA-256 that the model directory must have; any where it is not set. */
    public Param<String> modelSha256() {
        return modelSha256;
    }

    public FusionTransformer setModelSha256(String value) {
        set(modelSha256, value);
        return this;
    }

    /** The column by which messages name a row; none where it is not set. */
    public Param<String> key() {
        return key;
    }

    public FusionTransformer setKey(String value) {
        set(key, value);
        return this;
    }

    /** The columns of features, as MODALITY=COLUMN; a modality that is not named has one of its name. */
    public StringArrayParam column() {
        return column;
    }

    public FusionTransformer setColumn(String... value) {
        set(column, value);
        return this;
    }

    /** The numbers of binary columns, as MODALITY=TYPE: float32, float64, float16 or bfloat16. */
    public StringArrayParam dtype() {
        return dtype;
    }

    public FusionTransformer setDtype(String... value) {
        set(dtype, value);
        return this;
    }

    /** The columns of boxes, as MODALITY=COLUMN; one for each modality with boxes. */
    public StringArrayParam boxes() {
        return boxes;
    }

    public FusionTransformer setBoxes(String... value) {
        set(boxes, value);
        return this;
    }

    /** The columns that say which tokens are kept, as MODALITY=COLUMN. */
    public StringArrayParam mask() {
        return mask;
    }

    public FusionTransformer setMask(String... value) {
        set(mask, value);
        return this;
    }

    /** The columns that say how many tokens are kept, as MODALITY=COLUMN. */
    public StringArrayParam length() {
        return length;
    }

    public FusionTransformer setLength(String... value) {
        set(length, value);
        return this;
    }

    /** What to append: pooled, tokens, attention, attention-by-layer. */
    public StringArrayParam emit() {
        return emit;
    }

    public FusionTransformer setEmit(String... value) {
        set(emit, value);
        return this;
    }

    /** How vectors are stored: array, float32, float16 or int8. */
    public Param<String> vectors() {
        return vectors;
    }

    public FusionTransformer setVectors(String value) {
        set(vectors, value);
        return this;
    }

    /** How a row's tokens become one vector: mean, max, last, cls, pooler or none; as the model says where it is not set. */
    public Param<String> pooling() {
        return pooling;
    }

    public FusionTransformer setPooling(String value) {
        set(pooling, value);
        return this;
    }

    /** Whether a sequence is cut to the positions that the model has. */
    public BooleanParam truncate() {
        return truncate;
    }

    public FusionTransformer setTruncate(boolean value) {
        set(truncate, value);
        return this;
    }

    /** The token budget of one batch, and so of one row. */
    public IntParam maxTokens() {
        return maxTokens;
    }

    public FusionTransformer setMaxTokens(int value) {
        set(maxTokens, value);
        return this;
    }

    /** What the model computes in: fp32 or bf16. */
    public Param<String> precision() {
        return precision;
    }

    public FusionTransformer setPrecision(String value) {
        set(precision, value);
        return this;
    }

    /** What a null feature does: fail, or fuse-rest. */
    public Param<String> onMissingModality() {
        return onMissingModality;
    }

    public FusionTransformer setOnMissingModality(String value) {
        set(onMissingModality, value);
        return this;
    }

    /** Whether the model's golden.safetensors is not replayed before the first use. */
    public BooleanParam noVerify() {
        return noVerify;
    }

    public FusionTransformer setNoVerify(boolean value) {
        set(noVerify, value);
        return this;
    }

    /** How far a number may be from the one in golden.safetensors, relative to the root mean square of its vector. */
    public DoubleParam tolerance() {
        return tolerance;
    }

    public FusionTransformer setTolerance(double value) {
        set(tolerance, value);
        return this;
    }
}
