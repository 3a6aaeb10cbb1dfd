package dev.braid.ml;

import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.StringArrayParam;

/**
 * The parameters of {@link FusionTransformer}: the options of {@code braid fuse} in Spark ML's spelling ({@code --max-tokens} is
 * {@code maxTokens}), with their defaults, except that {@code vectors} is {@code vector}. Spark ML finds them by the public
 * methods that return a {@link Param}.
 */
public abstract class FusionParams extends Transformer {
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

    /** Sets the defaults; model, its SHA-256, key and pooling have none. */
    FusionParams(String uid) {
        this.uid = uid;
        this.model = new Param<>(this, "model", "the model directory");
        this.modelSha256 =
                new Param<>(this, "modelSha256", "the SHA-256 that the model directory must have; any if not set");
        this.key = new Param<>(this, "key", "the column by which messages name a row; none if not set");
        this.column = new StringArrayParam(
                this,
                "column",
                "the columns of features, as MODALITY=COLUMN; by default, a modality's column has its name");
        this.dtype = new StringArrayParam(
                this,
                "dtype",
                "the types of the numbers in binary columns, as MODALITY=TYPE: float32, float64, float16 or bfloat16");
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
                "how vectors are stored: vector (Spark ML's; for tokens, arrays of them), array, float32, float16 or int8");
        this.pooling = new Param<>(
                this,
                "pooling",
                "how a row's tokens become one vector: mean, max, last, cls, pooler or none; the model's own if not set");
        this.truncate = new BooleanParam(
                this, "truncate", "whether to cut a sequence that has more tokens than the model has positions");
        this.maxTokens = new IntParam(this, "maxTokens", "the token budget of one batch, and therefore of one row");
        this.precision =
                new Param<>(this, "precision", "the precision in which the model computes: fp32, bf16 or int8");
        this.onMissingModality = new Param<>(
                this, "onMissingModality", "what happens to a row in which a modality is null: fail, or fuse-rest");
        this.noVerify = new BooleanParam(
                this,
                "noVerify",
                "whether to skip the check against the model's golden.safetensors before the first use");
        this.tolerance = new DoubleParam(
                this,
                "tolerance",
                "the largest error allowed in the check against golden.safetensors, relative to the root mean square of a vector");
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

    @Override
    public String uid() {
        return uid;
    }

    /** The model directory. */
    public Param<String> model() {
        return model;
    }

    /** The SHA-256 that the model directory must have; if it is not set, any model is accepted. */
    public Param<String> modelSha256() {
        return modelSha256;
    }

    /** The column by which messages name a row; not set by default. */
    public Param<String> key() {
        return key;
    }

    /** The columns of features, as MODALITY=COLUMN; by default, a modality's column has its name. */
    public StringArrayParam column() {
        return column;
    }

    /** The types of the numbers in binary columns, as MODALITY=TYPE: float32, float64, float16 or bfloat16. */
    public StringArrayParam dtype() {
        return dtype;
    }

    /** The columns of boxes, as MODALITY=COLUMN; one for each modality with boxes. */
    public StringArrayParam boxes() {
        return boxes;
    }

    /** The columns that say which tokens are kept, as MODALITY=COLUMN. */
    public StringArrayParam mask() {
        return mask;
    }

    /** The columns that say how many tokens are kept, as MODALITY=COLUMN. */
    public StringArrayParam length() {
        return length;
    }

    /** What to append: pooled, tokens, attention, attention-by-layer. */
    public StringArrayParam emit() {
        return emit;
    }

    /** How vectors are stored: vector (Spark ML's; for tokens, arrays of them), array, float32, float16 or int8. */
    public Param<String> vectors() {
        return vectors;
    }

    /** How a row's tokens become one vector: mean, max, last, cls, pooler or none; if it is not set, as the model says. */
    public Param<String> pooling() {
        return pooling;
    }

    /** Whether to cut a sequence that has more tokens than the model has positions. */
    public BooleanParam truncate() {
        return truncate;
    }

    /** The token budget of one batch, and therefore of one row. */
    public IntParam maxTokens() {
        return maxTokens;
    }

    /** The precision in which the model computes: fp32, bf16 or int8. */
    public Param<String> precision() {
        return precision;
    }

    /** What happens to a row in which a modality is null: fail, or fuse-rest. */
    public Param<String> onMissingModality() {
        return onMissingModality;
    }

    /** Whether to skip the check against the model's golden.safetensors before the first use. */
    public BooleanParam noVerify() {
        return noVerify;
    }

    /** The largest error allowed in the check against golden.safetensors, relative to the root mean square of a vector. */
    public DoubleParam tolerance() {
        return tolerance;
    }
}
