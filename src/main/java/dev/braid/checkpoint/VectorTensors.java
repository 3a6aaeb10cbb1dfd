package dev.braid.checkpoint;

import dev.braid.NearestName;
import dev.braid.checkpoint.ExpectedTensor.Fit;
import dev.braid.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The tensors of a {@value WrittenVectors#MODEL_TYPE}, and the sizes of its vectors, which follow from the weights of
 * its Linears. {@link #walk} visits each tensor, with its name, role and expected shape.
 */
final class VectorTensors {
    private static final int UNKNOWN = StoredStack.UNKNOWN;

    private final WrittenVectors config;
    private final WeightFiles files;
    private final List<String> problems;
    /** The size of each modality's vector, then of each step's; {@link #UNKNOWN} after a problem. */
    private final List<Integer> sizes = new ArrayList<>();

    /** Where each size comes from, as an error message names it. */
    private final List<String> sources = new ArrayList<>();

    private VectorTensors(WrittenVectors config, WeightFiles files, List<String> problems) {
        this.config = config;
        this.files = files;
        this.problems = problems;
    }

    /** Finds the sizes. Reports inputs whose sizes differ, and missing Linears. */
    static VectorTensors of(WrittenVectors config, WeightFiles files, List<String> problems) {
        VectorTensors tensors = new VectorTensors(config, files, problems);
        for (ModalityConfig modality : config.modalities()) {
            tensors.sizes.add(modality.featureSize());
            tensors.sources.add("feature_size of '" + modality.name() + "' in config.json");
        }
        for (WrittenVectors.Step step : config.steps()) {
            int size = tensors.size(step);
            tensors.sizes.add(size);
            tensors.sources.add("size of '" + step.step().name() + "'");
        }
        return tensors;
    }

    private int size(WrittenVectors.Step written) {
        VectorStep step = written.step();
        List<Integer> ofInputs = step.inputs().stream().map(sizes::get).toList();
        if (step.kind() == VectorStep.Kind.LINEAR || step.kind() == VectorStep.Kind.BILINEAR) {
            return outputs(written);
        }
        if (ofInputs.contains(UNKNOWN)) {
            return UNKNOWN;
        }
        if (step.kind() == VectorStep.Kind.CONCAT) {
            long sum = ofInputs.stream().mapToLong(Integer::longValue).sum();
            if (sum > Integer.MAX_VALUE) {
                problems.add("Cannot use '" + written.path() + "of' in config.json: expected at most "
                        + Integer.MAX_VALUE + " numbers together, got " + sum);
                return UNKNOWN;
            }
            return (int) sum;
        }
        int summed = step.inputs().size() - 1;
        boolean weighs = step.kind() == VectorStep.Kind.WEIGHTED_SUM;
        if (weighs && ofInputs.get(summed) != summed) {
            problems.add("Cannot use '" + written.path() + "weights' in config.json: expected " + summed
                    + " numbers (one for each vector of 'of'), got "
                    + Quote.of(config.name(step.inputs().get(summed)))
                    + " of " + ofInputs.get(summed));
            return UNKNOWN;
        }
        List<Integer> ofOneSize = weighs ? step.inputs().subList(0, summed) : step.inputs();
        if (ofOneSize.stream().map(sizes::get).distinct().count() > 1) {
            String got = ofOneSize.stream()
                    .map(input -> Quote.of(config.name(input)) + " of " + sizes.get(input))
                    .collect(Collectors.joining(", "));
            problems.add(
                    "Cannot use '" + written.path() + "of' in config.json: expected vectors of one size, got " + got);
            return UNKNOWN;
        }
        return ofInputs.get(0);
    }

    /** The number of outputs of a Linear or bilinear map, which is read from the shape of its weight. */
    private int outputs(WrittenVectors.Step written) {
        String name = written.prefix() + ".weight";
        TensorEntry entry = files.entries().get(name);
        if (entry != null
                && entry.shape().rank() == 1 + written.step().inputs().size()
                && entry.shape().dimension(0) > 0
                && entry.shape().dimension(0) <= Integer.MAX_VALUE) {
            return (int) entry.shape().dimension(0);
        }
        String inputs = written.step().inputs().stream()
                .map(sizes::get)
                .map(size -> size == UNKNOWN ? "any" : size.toString())
                .collect(Collectors.joining(", "));
        problems.add("Cannot load tensor " + Quote.of(name) + " from " + files.file(name) + ": expected [any, "
                + inputs + "] (" + written.source("prefix") + "), got "
                + (entry == null
                        ? "no such tensor"
                                + NearestName.hint(name, files.entries().keySet())
                        : Quote.cut(entry.shape().toString())));
        return UNKNOWN;
    }

    List<VectorWeights> walk(ModelTensors.Visitor visitor) {
        return IntStream.range(0, config.steps().size())
                .mapToObj(i -> weights(i, visitor))
                .toList();
    }

    private VectorWeights weights(int index, ModelTensors.Visitor visitor) {
        WrittenVectors.Step written = config.steps().get(index);
        VectorStep step = written.step();
        int input = step.inputs().get(0);
        int in = sizes.get(input);
        String source = sources.get(input);
        String role = "'" + step.name() + "' ";
        String prefix = written.prefix() + ".";
        return switch (step.kind()) {
            case LINEAR, BILINEAR -> {
                Shape outputs = Shape.of(sizes.get(config.modalities().size() + index));
                boolean one = step.inputs().size() == 1;
                Shape weight = one
                        ? Shape.of(outputs.dimension(0), in)
                        : Shape.of(
                                outputs.dimension(0),
                                in,
                                sizes.get(step.inputs().get(1)));
                String rows = "rows of '" + prefix + "weight'";
                yield new VectorWeights(
                        new LinearWeights(
                                visit(
                                        visitor,
                                        prefix + "weight",
                                        role + "weight",
                                        weight,
                                        one
                                                ? source
                                                : source + " and "
                                                        + sources.get(
                                                                step.inputs().get(1)),
                                        true),
                                visit(visitor, prefix + "bias", role + "bias", outputs, rows, false)),
                        null,
                        null,
                        null);
            }
            case NORM, BATCH_NORM -> {
                Shape size = Shape.of(in);
                boolean batch = step.kind() == VectorStep.Kind.BATCH_NORM;
                boolean shifts = step.norm() != NormType.RMS_NORM;
                NormWeights norm = new NormWeights(
                        visit(visitor, prefix + "weight", role + "weight", size, source, true),
                        shifts ? visit(visitor, prefix + "bias", role + "bias", size, source, batch) : null);
                yield new VectorWeights(
                        null,
                        norm,
                        batch ? visit(visitor, prefix + "running_mean", role + "mean", size, source, true) : null,
                        batch ? visit(visitor, prefix + "running_var", role + "variance", size, source, true) : null);
            }
            case ACTIVATION, CONCAT, SUM, PRODUCT, GATE, SOFTMAX, WEIGHTED_SUM -> VectorWeights.NONE;
        };
    }

    private static StoredTensor visit(
            ModelTensors.Visitor visitor, String name, String role, Shape shape, String source, boolean required) {
        return visitor.visit(new ExpectedTensor(name, role, shape, Fit.EXACT, source, required, ""), 0, 1);
    }

    /** The names of the training counters that BatchNorms leave in a state dict. */
    Set<String> counters() {
        return config.steps().stream()
                .filter(step -> step.step().kind() == VectorStep.Kind.BATCH_NORM)
                .map(step -> step.prefix() + ".num_batches_tracked")
                .collect(Collectors.toSet());
    }

    /** The architecture. Call it only if no problem was reported. */
    ModelConfig config() {
        List<VectorStep> steps = new ArrayList<>();
        for (WrittenVectors.Step written : config.steps()) {
            VectorStep step = written.step();
            int size = sizes.get(config.modalities().size() + steps.size());
            steps.add(new VectorStep(
                    step.kind(), step.name(), step.inputs(), size, step.function(), step.norm(), step.epsilon()));
        }
        return ModelConfig.ofVectors(config.modalities(), steps);
    }
}
