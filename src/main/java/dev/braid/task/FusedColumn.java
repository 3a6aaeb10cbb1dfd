package dev.braid.task;

import dev.braid.checkpoint.ModelConfig;
import dev.braid.decode.UnfitValueException;
import dev.braid.model.Readout;
import dev.braid.rows.RowWriter;
import dev.braid.rows.VectorOutput;
import java.io.Serializable;
import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Metadata;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;

/** A column that a fusion adds: its schema, what it reads from a fused batch, and how it is written and hashed. */
public abstract class FusedColumn implements Serializable {
    /** One vector of the hidden size per row. */
    static final String POOLED = "fused";
    /** One vector of the hidden size per token, in the model's token order. */
    static final String TOKENS = "fused_tokens";
    /** The number of fused tokens of each group, in token order: CLS, if the model has it, and the modalities. */
    public static final String LENGTHS = "fused_lengths";
    /** The share of attention that the tokens of CLS and of each modality received. */
    static final String ATTENTION = "attention";
    /** The shares of {@link #ATTENTION} for each layer. */
    static final String ATTENTION_BY_LAYER = "attention_by_layer";

    /** The factor that turns the int8 numbers of {@code fused} into floats. */
    static final String POOLED_SCALE = "fused_scale";
    /** One such factor for each vector of {@code fused_tokens}. */
    static final String TOKEN_SCALES = "fused_tokens_scales";

    /** Every name that a column of a fusion can have. */
    public static final List<String> NAMES =
            List.of(POOLED, POOLED_SCALE, TOKENS, TOKEN_SCALES, LENGTHS, ATTENTION, ATTENTION_BY_LAYER);

    private static final long serialVersionUID = 1L;

    private final String name;
    private final DataType type;
    private final Readout readout;

    private FusedColumn(String name, DataType type, Readout readout) {
        this.name = name;
        this.type = type;
        this.readout = readout;
    }

    /** The columns for one vector per row. */
    public static List<FusedColumn> pooled(VectorForm form) {
        return form == VectorForm.INT8 ? List.of(new Pooled(form), new PooledScale()) : List.of(new Pooled(form));
    }

    /** The columns for one vector per token. */
    public static List<FusedColumn> tokens(VectorForm form, ModelConfig model) {
        FusedColumn lengths = new Lengths(groups(model.outputGroups(), DataTypes.IntegerType));
        return form == VectorForm.INT8
                ? List.of(new Tokens(form), new TokenScales(), lengths)
                : List.of(new Tokens(form), lengths);
    }

    /** The column for the shares of attention over all layers. */
    public static FusedColumn attention(ModelConfig model) {
        return new Attention(groups(model.groups(), DataTypes.FloatType));
    }

    /** The column for the shares of attention in each layer. */
    public static FusedColumn attentionByLayer(ModelConfig model) {
        return new AttentionByLayer(groups(model.groups(), DataTypes.FloatType));
    }

    /** A field for each group of tokens. */
    private static StructType groups(List<ModelConfig.Group> ofModel, DataType type) {
        StructType groups = new StructType();
        for (ModelConfig.Group group : ofModel) {
            groups = groups.add(group.name(), type, false);
        }
        return groups;
    }

    public String name() {
        return name;
    }

    public StructField field() {
        return new StructField(name, type, false, Metadata.empty());
    }

    /** What it reads from the model besides the pooled vectors; empty if nothing. */
    public Optional<Readout> readout() {
        return Optional.ofNullable(readout);
    }

    /** Whether its values are vectors; other columns hold a few numbers. */
    boolean isVector() {
        return false;
    }

    /**
     * Writes a row's value.
     *
     * @param out takes the value if it is not a vector
     * @param vectors takes the value if it is a vector
     * @param place the place of the column in {@code out} or {@code vectors}
     * @param hash of the row so far
     * @return the hash with this value
     */
    abstract long write(FusedRow row, RowWriter out, VectorOutput vectors, int place, long hash)
            throws UnfitValueException;

    /** One pooled vector per row. */
    private static final class Pooled extends FusedColumn {
        private final VectorForm form;

        Pooled(VectorForm form) {
            super(POOLED, form.type(), null);
            this.form = form;
        }

        @Override
        boolean isVector() {
            return true;
        }

        @Override
        long write(FusedRow row, RowWriter out, VectorOutput vectors, int place, long hash) throws UnfitValueException {
            float[] vector = FusedRow.fit(row.pooled(), form, name(), "");
            if (form == VectorForm.ARRAY) {
                return vectors.floats(place, vector, hash);
            }
            int length = vector.length * form.bytes();
            byte[] bytes = row.bytes(length);
            form.encode(vector, bytes, 0);
            vectors.bytes(place, bytes, length);
            return RowWriter.hash(hash, bytes, 0, length);
        }
    }

    /** The scale of the pooled vector, if it is stored as int8. */
    private static final class PooledScale extends FusedColumn {
        PooledScale() {
            super(POOLED_SCALE, DataTypes.FloatType, null);
        }

        @Override
        long write(FusedRow row, RowWriter out, VectorOutput vectors, int place, long hash) throws UnfitValueException {
            float[] vector = FusedRow.fit(row.pooled(), VectorForm.INT8, name(), "");
            return out.number(place, VectorForm.scale(vector), hash);
        }
    }

    /** One vector per token. */
    private static final class Tokens extends FusedColumn {
        private final VectorForm form;

        Tokens(VectorForm form) {
            super(
                    TOKENS,
                    form == VectorForm.ARRAY ? DataTypes.createArrayType(form.type(), false) : form.type(),
                    Readout.TOKENS);
            this.form = form;
        }

        @Override
        boolean isVector() {
            return true;
        }

        @Override
        long write(FusedRow row, RowWriter out, VectorOutput vectors, int place, long hash) throws UnfitValueException {
            return form == VectorForm.ARRAY ? lists(row, vectors, place, hash) : bytes(row, vectors, place, hash);
        }

        private long lists(FusedRow row, VectorOutput vectors, int place, long hash) throws UnfitValueException {
            long all = hash;
            vectors.beginList(place, row.fusedTokens());
            for (int t = 0; t < row.fusedTokens(); t++) {
                all = vectors.next(place, t, token(row, t), all);
            }
            vectors.endList(place);
            return all;
        }

        private long bytes(FusedRow row, VectorOutput vectors, int place, long hash) throws UnfitValueException {
            long all = hash;
            int length = row.hiddenSize() * form.bytes();
            byte[] bytes = row.bytes(Math.multiplyExact(row.fusedTokens(), length));
            for (int t = 0; t < row.fusedTokens(); t++) {
                form.encode(token(row, t), bytes, t * length);
                all = RowWriter.hash(all, bytes, t * length, length);
            }
            vectors.bytes(place, bytes, row.fusedTokens() * length);
            return all;
        }

        private float[] token(FusedRow row, int token) throws UnfitValueException {
            return FusedRow.fit(row.token(token), form, name(), "token " + token + ", ");
        }
    }

    /** The scales of the token vectors, if they are stored as int8. */
    private static final class TokenScales extends FusedColumn {
        TokenScales() {
            super(TOKEN_SCALES, VectorForm.ARRAY.type(), Readout.TOKENS);
        }

        @Override
        boolean isVector() {
            return true;
        }

        @Override
        long write(FusedRow row, RowWriter out, VectorOutput vectors, int place, long hash) throws UnfitValueException {
            float[] scales = new float[row.fusedTokens()];
            for (int t = 0; t < scales.length; t++) {
                float[] vector = FusedRow.fit(row.token(t), VectorForm.INT8, name(), "token " + t + ", ");
                scales[t] = VectorForm.scale(vector);
            }
            return vectors.floats(place, scales, hash);
        }
    }

    /** The number of tokens of each group. */
    private static final class Lengths extends FusedColumn {
        Lengths(StructType groups) {
            super(LENGTHS, groups, null);
        }

        @Override
        long write(FusedRow row, RowWriter out, VectorOutput vectors, int place, long hash) {
            return out.struct(place, row.fusedLengths(), hash);
        }
    }

    /** The share of attention that each group of tokens received. */
    private static final class Attention extends FusedColumn {
        Attention(StructType groups) {
            super(ATTENTION, groups, Readout.ATTENTION);
        }

        @Override
        long write(FusedRow row, RowWriter out, VectorOutput vectors, int place, long hash) throws UnfitValueException {
            return out.struct(place, FusedRow.fit(row.attention(), VectorForm.ARRAY, name(), ""), hash);
        }
    }

    /** The share of attention that each group of tokens received in each layer. */
    private static final class AttentionByLayer extends FusedColumn {
        AttentionByLayer(StructType groups) {
            super(ATTENTION_BY_LAYER, DataTypes.createArrayType(groups, false), Readout.ATTENTION);
        }

        @Override
        long write(FusedRow row, RowWriter out, VectorOutput vectors, int place, long hash) throws UnfitValueException {
            float[][] layers = row.attentionByLayer();
            for (int layer = 0; layer < layers.length; layer++) {
                FusedRow.fit(layers[layer], VectorForm.ARRAY, name(), "layer " + layer + ", ");
            }
            return out.structs(place, layers, hash);
        }
    }
}
