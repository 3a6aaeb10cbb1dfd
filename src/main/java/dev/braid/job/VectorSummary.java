package dev.braid.job;

import dev.braid.Numbers;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.VectorStep;
import java.util.List;
import java.util.stream.Collectors;

/** The steps of a model of one vector per modality, as text. */
record VectorSummary(ModelConfig config) {

    /** A line for each step; the last step computes the fused vector. */
    TextTable steps() {
        TextTable table = TextTable.headed("step", "computes", "size");
        for (VectorStep step : config.vectors()) {
            table.add(step.name(), describe(step), Integer.toString(step.size()));
        }
        return table;
    }

    private String describe(VectorStep step) {
        List<String> inputs = step.inputs().stream().map(this::name).toList();
        String of = inputs.stream().limit(2).collect(Collectors.joining(", "));
        return switch (step.kind()) {
            case ACTIVATION -> step.function().configName() + " of " + of;
            case NORM -> step.norm().configName() + " of " + of + ", eps " + Numbers.brief(step.epsilon());
            case BATCH_NORM -> "batch_norm of " + of + ", eps " + Numbers.brief(step.epsilon());
            case GATE -> "gate of " + of + " by " + inputs.get(2);
            case WEIGHTED_SUM ->
                "weighted_sum of " + String.join(", ", inputs.subList(0, inputs.size() - 1)) + " by "
                        + inputs.get(inputs.size() - 1);
            case LINEAR, BILINEAR, CONCAT, SUM, PRODUCT, SOFTMAX ->
                step.kind().configName() + " of " + String.join(", ", inputs);
        };
    }

    private String name(int vector) {
        int modalities = config.modalities().size();
        return vector < modalities
                ? config.modalities().get(vector).name()
                : config.vectors().get(vector - modalities).name();
    }

    /** Multiply-adds of all Linears and bilinear maps for one row. */
    long multiplyAdds() {
        return config.vectors().stream()
                .mapToLong(step -> step.multiplyAdds(
                        step.inputs().stream().map(config::vectorSize).toList()))
                .sum();
    }
}
