package dev.braid.checkpoint;

import java.util.List;
import java.util.function.UnaryOperator;

/**
 * What the {@code config.json} of a {@value #MODEL_TYPE} says: one vector per modality, and the steps that fuse them.
 * The last step computes the fused vector.
 *
 * @param modalities in the order of the config
 * @param steps each reads modalities and earlier steps
 */
record WrittenVectors(List<ModalityConfig> modalities, List<Step> steps) {
    /** Its {@code model_type}. */
    static final String MODEL_TYPE = "vector_fusion";

    /**
     * A step whose size depends on the weights.
     *
     * @param path the prefix of its keys in messages, with its dot
     * @param step the step, with size {@value StoredStack#UNKNOWN}
     * @param prefix where the state dict keeps its tensors
     */
    record Step(String path, VectorStep step, String prefix) {
        /** A key of the step as the source of a size, for an error message. */
        String source(String key) {
            return path + key + " in config.json";
        }
    }

    WrittenVectors {
        modalities = List.copyOf(modalities);
        steps = List.copyOf(steps);
    }

    /** The same config with every prefix replaced. */
    WrittenVectors withPrefixes(UnaryOperator<String> replaced) {
        return new WrittenVectors(
                modalities,
                steps.stream()
                        .map(step -> new Step(step.path(), step.step(), replaced.apply(step.prefix())))
                        .toList());
    }

    /** The name of a vector that a step reads. */
    String name(int vector) {
        return vector < modalities.size()
                ? modalities.get(vector).name()
                : steps.get(vector - modalities.size()).step().name();
    }
}
