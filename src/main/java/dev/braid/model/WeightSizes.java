package dev.braid.model;

import dev.braid.InputException;
import dev.braid.checkpoint.ModalityConfig;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.StackConfig;
import dev.braid.checkpoint.StreamConfig;
import dev.braid.checkpoint.VectorStep;
import dev.braid.kernel.PackedLinear;
import java.util.ArrayList;
import java.util.List;

/** The sizes of a model's packed weights, computed from its config before anything is read. */
final class WeightSizes {
    private WeightSizes() {}

    /**
     * The number of elements of the largest weight, padding included.
     *
     * @throws InputException if a vocabulary has more words than token ids, packed as floats, can distinguish
     */
    static long mostElements(ModelConfig config) {
        long most = PositionTables.mostElements(config);
        for (LinearSize linear : linears(config)) {
            most = Math.max(most, PackedLinear.mostElements(linear.wider(), linear.narrower()));
        }
        for (StreamConfig stream : config.streams()) {
            for (int modality : stream.modalities()) {
                int positions = config.modalities().get(modality).maxPositions();
                if (positions != ModalityConfig.UNLIMITED) {
                    most = Math.max(most, (long) positions * stream.hiddenSize());
                }
            }
        }
        for (ModalityConfig modality : config.modalities()) {
            if (modality.tokenIds()) {
                checkVocabulary(modality);
                most = Math.max(most, (long) modality.vocabularySize() * modality.featureSize());
            }
        }
        return most;
    }

    /** The number of elements of the largest linear map. */
    static long largestLinear(ModelConfig config) {
        return linears(config).stream()
                .mapToLong(linear -> linear.wider() * linear.narrower())
                .max()
                .getAsLong();
    }

    private static void checkVocabulary(ModalityConfig modality) {
        if (modality.vocabularySize() > ModalityConfig.MOST_WORDS) {
            throw new InputException(
                    "Cannot read token ids of '" + modality.name() + "': expected a vocabulary of at most "
                            + ModalityConfig.MOST_WORDS + " words, got " + modality.vocabularySize());
        }
    }

    /** The inputs and outputs of a linear map, the larger number first. */
    private record LinearSize(long wider, long narrower) {
        static LinearSize of(long one, long other) {
            return new LinearSize(Math.max(one, other), Math.min(one, other));
        }
    }

    /** The largest linear maps of every layer and projection. */
    private static List<LinearSize> linears(ModelConfig config) {
        List<LinearSize> linears = new ArrayList<>();
        for (VectorStep step : config.vectors()) {
            int inputs = config.vectorSize(step.inputs().get(0));
            linears.add(
                    switch (step.kind()) {
                        case LINEAR -> LinearSize.of(inputs, step.size());
                        case BILINEAR -> // packed one output at a time, from one copy of all
                            LinearSize.of(
                                    (long) inputs * step.size(),
                                    config.vectorSize(step.inputs().get(1)));
                        default -> LinearSize.of(1, step.size());
                    });
        }
        if (config.takesVectors()) {
            return linears;
        }
        for (StackConfig stack : config.stacks()) {
            long hiddenSize = stack.layer().hiddenSize();
            long keyValueSize = stack.layer().keyValueSize();
            linears.add(LinearSize.of(hiddenSize + 2 * keyValueSize, hiddenSize));
            linears.add(LinearSize.of(
                    2 * keyValueSize, config.streams().get(stack.memory()).hiddenSize()));
            linears.add(LinearSize.of(stack.layer().intermediateSize(), hiddenSize));
        }
        for (StreamConfig stream : config.streams()) {
            for (int modality : stream.modalities()) {
                linears.add(LinearSize.of(config.modalities().get(modality).projectedSize(), stream.hiddenSize()));
            }
        }
        return linears;
    }
}
