package dev.braid.model;

import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.NormConfig;
import dev.braid.checkpoint.VectorStep;
import dev.braid.checkpoint.VectorWeights;
import dev.braid.kernel.Matrix;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs the steps of a model of one vector per modality, over blocks of rows: gated fusion (Arevalo et al. 2017, arXiv
 * 1702.01992), products of projections (Kim et al. 2017, arXiv 1610.04325), or any other graph of such operations. A
 * block's vectors stay in the cache from step to step.
 */
final class VectorFusion implements Step {
    private final int modalities;
    /** The stream of fused vectors. */
    private final int fused;

    private final List<Placed> operations;

    /**
     * An operation with its inputs and its output.
     *
     * @param from indices of the vectors that it reads: modalities first, then steps
     * @param to the step whose vector it writes
     */
    private record Placed(VectorOperation operation, List<Integer> from, int to) {}

    private VectorFusion(int modalities, int fused, List<Placed> operations) {
        this.modalities = modalities;
        this.fused = fused;
        this.operations = List.copyOf(operations);
    }

    static VectorFusion load(ModelConfig config, List<VectorWeights> weights, WeightPacker packer) {
        List<VectorStep> steps = config.vectors();
        int modalities = config.modalities().size();
        List<Placed> operations = new ArrayList<>();
        for (int s = 0; s < steps.size(); s++) {
            VectorStep step = steps.get(s);
            int activation = step.kind() == VectorStep.Kind.LINEAR ? onlyActivation(steps, modalities + s) : -1;
            if (activation >= 0) {
                VectorOperation linear = new VectorOperation.Linear(
                        packer.linear(weights.get(s).linear()),
                        steps.get(activation).function());
                operations.add(new Placed(linear, step.inputs(), activation));
            } else if (step.kind() != VectorStep.Kind.ACTIVATION || !isFused(steps, step, modalities)) {
                operations.add(new Placed(operation(step, weights.get(s), packer), step.inputs(), s));
            }
        }
        return new VectorFusion(modalities, config.output().get(0), operations);
    }

    /** Whether an activation is computed by the Linear before it. */
    private static boolean isFused(List<VectorStep> steps, VectorStep activation, int modalities) {
        int input = activation.inputs().get(0);
        return input >= modalities
                && steps.get(input - modalities).kind() == VectorStep.Kind.LINEAR
                && onlyActivation(steps, input) >= 0;
    }

    /** The index of the step that reads a vector, if it is the only reader and an activation; else -1. */
    private static int onlyActivation(List<VectorStep> steps, int vector) {
        int reader = -1;
        for (int s = 0; s < steps.size(); s++) {
            if (steps.get(s).inputs().contains(vector)) {
                if (reader >= 0 || steps.get(s).kind() != VectorStep.Kind.ACTIVATION) {
                    return -1;
                }
                reader = s;
            }
        }
        return reader;
    }

    private static VectorOperation operation(VectorStep step, VectorWeights weights, WeightPacker packer) {
        return switch (step.kind()) {
            case LINEAR -> new VectorOperation.Linear(packer.linear(weights.linear()), null);
            case ACTIVATION -> new VectorOperation.Activated(step.function());
            case NORM ->
                new VectorOperation.Normed(packer.norm(weights.norm(), new NormConfig(step.norm(), step.epsilon())));
            case BATCH_NORM -> VectorOperation.BatchNormed.load(weights, step.epsilon(), packer);
            case CONCAT -> new VectorOperation.Concatenated();
            case SUM -> new VectorOperation.Sum();
            case PRODUCT -> new VectorOperation.Product();
            case GATE -> new VectorOperation.Mixed();
            case BILINEAR ->
                new VectorOperation.Bilinear(packer.slices(weights.linear().weight()), packer.sums(weights.linear()));
            case SOFTMAX -> new VectorOperation.Softmax();
            case WEIGHTED_SUM -> new VectorOperation.WeightedSum();
        };
    }

    @Override
    public void forward(FusionWorkspace workspace, boolean pooledOnly) {
        workspace.timer().projected();
        List<Matrix> in = new ArrayList<>();
        for (Block rows : workspace.stream(fused).blocks()) {
            for (Placed placed : operations) {
                in.clear();
                for (int vector : placed.from()) {
                    in.add(vector(vector, rows, workspace));
                }
                placed.operation()
                        .run(
                                vector(modalities + placed.to(), rows, workspace),
                                in,
                                workspace.kernels(),
                                workspace.buffers());
            }
        }
        workspace.timer().fedForward();
    }

    /** A block of vectors of a modality or a step. The vectors of the last step are the fused ones. */
    private Matrix vector(int index, Block rows, FusionWorkspace workspace) {
        if (index < modalities) {
            return workspace.stream(index).hidden(rows);
        }
        int step = index - modalities;
        return step == workspace.buffers().vectorSteps()
                ? workspace.stream(fused).hidden(rows)
                : workspace.buffers().vector(step).rows(0, rows.height());
    }

    @Override
    public long feedForwardProducts(FusionWorkspace workspace, boolean pooledOnly) {
        return workspace.batch().rows()
                * operations.stream()
                        .mapToLong(placed -> placed.operation().multiplyAdds())
                        .sum();
    }
}
