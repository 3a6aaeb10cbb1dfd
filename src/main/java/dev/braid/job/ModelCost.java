package dev.braid.job;

import dev.braid.Numbers;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModalityWeights;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.StackConfig;
import dev.braid.checkpoint.StreamConfig;
import dev.braid.model.FusionModel;

/** What a model costs, as text: its parameters, its bytes, and the multiply-adds of each of its parts. */
record ModelCost(Checkpoint checkpoint) {

    /** A line per number. */
    TextTable table() {
        ModelConfig config = checkpoint.config();
        TextTable cost = TextTable.plain()
                .add("parameters", Numbers.count(checkpoint.parameters()))
                .add("bytes", Numbers.count(checkpoint.bytes()));
        boolean single = config.streams().size() == 1;
        String title = "multiply-adds";
        if (config.takesVectors()) {
            cost.add(title, Numbers.count(new VectorSummary(config).multiplyAdds()) + " a row, in the Linears");
        }
        for (StackConfig stack : config.stacks()) {
            String tokens = single ? " a token" : " a token of '" + stream(config, stack.stream()) + "'";
            cost.add(title, Numbers.count(FusionModel.linearMultiplyAdds(stack)) + tokens + ", in the layers' Linears");
            title = "";
            if (stack.kind().attendsToMemory()) {
                cost.add(
                        "",
                        Numbers.count(FusionModel.memoryMultiplyAdds(stack, config)) + " a token of '"
                                + stream(config, stack.memory()) + "', in their keys and values");
            }
        }
        for (StreamConfig stream : config.streams()) {
            for (int m : stream.modalities()) {
                ModalityConfig modality = config.modalities().get(m);
                ModalityWeights weights = checkpoint.weights().modalities().get(m);
                if (weights.projection() != null) {
                    long inputs = modality.projectedSize() + (weights.boxes() == null ? 0L : modality.boxSize());
                    long projection = inputs * stream.hiddenSize();
                    cost.add(
                            "", Numbers.count(projection) + " a token of '" + modality.name() + "', in its projection");
                }
            }
        }
        for (StackConfig stack : config.stacks()) {
            long attention = 2L * stack.layers() * stack.layer().hiddenSize();
            for (int keys : stack.keyStreams()) {
                cost.add(
                        "",
                        Numbers.count(attention)
                                + (single
                                        ? " n a token, in the attention of a row of n tokens"
                                        : " n a token of '" + stream(config, stack.stream())
                                                + "', in its attention to n tokens of '" + stream(config, keys) + "'"));
            }
        }
        return cost;
    }

    private static String stream(ModelConfig config, int stream) {
        return config.streams().get(stream).name();
    }
}
