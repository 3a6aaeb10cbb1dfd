package dev.braid.spark;

import dev.braid.checkpoint.ModelConfig;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** The columns of a fused table. */
final class FusedSchema {
    /** One vector of the hidden size per row. */
    static final String POOLED = "fused";
    /** One vector of the hidden size per token, in the model's token order. */
    static final String TOKENS = "fused_tokens";
    /** The number of fused tokens of each group, in token order: CLS, if the model has it, and the modalities. */
    static final String LENGTHS = "fused_lengths";
    /** The share of attention that the tokens of CLS and of each modality received. */
    static final String ATTENTION = "attention";
    /** The shares of {@link #ATTENTION} for each layer. */
    static final String ATTENTION_BY_LAYER = "attention_by_layer";

    /** The factor that turns the int8 numbers of {@code fused} into floats. */
    static final String POOLED_SCALE = "fused_scale";
    /** One such factor for each vector of {@code fused_tokens}. */
    static final String TOKEN_SCALES = "fused_tokens_scales";

    /** Every name that a column of a fusion can have. */
    static final List<String> NAMES =
            List.of(POOLED, POOLED_SCALE, TOKENS, TOKEN_SCALES, LENGTHS, ATTENTION, ATTENTION_BY_LAYER);

    private FusedSchema() {}

    /** The columns that a fusion adds, in the order in which they are stored and hashed. */
    static List<FusedColumn> columns(FusionConfig config, ModelConfig model) {
        List<FusedColumn> columns = new ArrayList<>();
        VectorForm form = config.vectors();
        if (config.emits(Emitted.POOLED)) {
            columns.add(new FusedColumn.Pooled(form));
            if (form == VectorForm.INT8) {
                columns.add(new FusedColumn.PooledScale());
            }
        }
        if (config.emits(Emitted.TOKENS)) {
            columns.add(new FusedColumn.Tokens(form));
            if (form == VectorForm.INT8) {
                columns.add(new FusedColumn.TokenScales());
            }
            columns.add(new FusedColumn.Lengths(groups(model.outputGroups(), DataTypes.IntegerType)));
        }
        StructType shares = groups(model.groups(), DataTypes.FloatType);
        if (config.emits(Emitted.ATTENTION)) {
            columns.add(new FusedColumn.Attention(shares));
        }
        if (config.emits(Emitted.ATTENTION_BY_LAYER)) {
            columns.add(new FusedColumn.AttentionByLayer(shares));
        }
        return columns;
    }

    /** A field for each group of tokens. */
    private static StructType groups(List<ModelConfig.Group> ofModel, DataType type) {
        StructType groups = new StructType();
        for (ModelConfig.Group group : ofModel) {
            groups = groups.add(group.name(), type, false);
        }
        return groups;
    }
}
