package dev.braid.job;

import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.Inspection;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModalityWeights;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.ModelWeights;
import dev.braid.checkpoint.PlacedTensor;
import dev.braid.checkpoint.Pooling;
import dev.braid.model.FusionModel;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What was understood of a model, as text: its architecture, its cost, its tensors and what is unused. */
record ModelSummary(Inspection inspection) {

    @Override
    public String toString() {
        return String.join(
                "\n\n",
                architecture().toString(),
                modalities().toString(),
                cost().toString(),
                tensors().toString(),
                new UnusedTensors(inspection.unused()).toString());
    }

    private TextTable architecture() {
        ModelConfig config = inspection.checkpoint().config();
        ModelWeights weights = inspection.checkpoint().weights();
        return TextTable.plain()
                .add("dialect", inspection.dialect())
                .add("hidden size", Integer.toString(config.hiddenSize()))
                .add("layers", Integer.toString(config.layers()))
                .add("heads", config.heads() + " of size " + config.headSize())
                .add("intermediate size", Integer.toString(config.intermediateSize()))
                .add("activation", config.activation().configName())
                .add("norm order", config.normFirst() ? "pre-norm" : "post-norm")
                .add("layer norm eps", number(config.layerNormEps()))
                .add("attention output projection", yes(config.attentionOutputProjection()))
                .add("CLS token", yes(config.clsToken()))
                .add("embedding LayerNorm", yes(weights.embeddingNorm() != null))
                .add("final LayerNorm", yes(weights.finalNorm() != null))
                .add("pooling", pooling(config, weights));
    }

    private static String pooling(ModelConfig config, ModelWeights weights) {
        boolean unusedPooler = weights.pooler() != null && config.pooling() != Pooling.POOLER;
        return config.pooling().configName() + (unusedPooler ? " (--pooling pooler is there too)" : "");
    }

    /** In token order. */
    private TextTable modalities() {
        TextTable table = TextTable.headed("modality", "feature size", "longest", "becomes a token by");
        ModelConfig config = inspection.checkpoint().config();
        for (int m = 0; m < config.modalities().size(); m++) {
            ModalityConfig modality = config.modalities().get(m);
            boolean limited = modality.maxPositions() != ModalityConfig.UNLIMITED;
            table.add(
                    modality.name(),
                    Integer.toString(modality.featureSize()),
                    limited ? Integer.toString(modality.maxPositions()) : "any",
                    embedding(inspection.checkpoint().weights().modalities().get(m)));
        }
        return table;
    }

    private static String embedding(ModalityWeights weights) {
        List<String> steps = new ArrayList<>();
        steps.add(weights.projection() == null ? "as it is" : "Linear");
        if (!weights.rows().isEmpty()) {
            steps.add(rows(weights.rows().size()));
        }
        if (weights.positions() != null) {
            steps.add("+ position row");
        }
        if (weights.norm() != null) {
            steps.add("LayerNorm");
        }
        if (!weights.rowsAfterNorm().isEmpty()) {
            steps.add(rows(weights.rowsAfterNorm().size()));
        }
        return String.join(", ", steps);
    }

    private static String rows(int count) {
        return "+ " + count + (count == 1 ? " learned row" : " learned rows");
    }

    private TextTable cost() {
        Checkpoint checkpoint = inspection.checkpoint();
        ModelConfig config = checkpoint.config();
        TextTable cost = TextTable.plain()
                .add("parameters", count(checkpoint.parameters()))
                .add("bytes", count(checkpoint.bytes()))
                .add(
                        "multiply-adds",
                        count(FusionModel.linearMultiplyAdds(config)) + " a token, in the layers' Linears");
        for (int m = 0; m < config.modalities().size(); m++) {
            ModalityConfig modality = config.modalities().get(m);
            if (checkpoint.weights().modalities().get(m).projection() != null) {
                long projection = (long) modality.featureSize() * config.hiddenSize();
                cost.add("", count(projection) + " a token of '" + modality.name() + "', in its projection");
            }
        }
        long attention = 2L * config.layers() * config.hiddenSize();
        return cost.add("", count(attention) + " n a token, in the attention of a row of n tokens");
    }

    private TextTable tensors() {
        TextTable table = TextTable.headed("role", "dtype", "shape", "tensor");
        for (PlacedTensor tensor : inspection.tensors()) {
            table.add(tensor.role(), tensor.dtype().name(), String.valueOf(tensor.shape()), tensor.name());
        }
        return table;
    }

    private static String yes(boolean is) {
        return is ? "yes" : "no";
    }

    /** The shortest digits that give the number back, {@code 1e-5} for {@code 1.0E-5}. */
    static String number(Number number) {
        return number.toString().replace(".0E", "e").replace('E', 'e');
    }

    static String count(long number) {
        return String.format(Locale.ROOT, "%,d", number);
    }
}
