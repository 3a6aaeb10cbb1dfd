package dev.braid.bench;

import dev.braid.bench.report.Measurement;
import dev.braid.checkpoint.Activation;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.LayerConfig;
import dev.braid.checkpoint.LayerWeights;
import dev.braid.checkpoint.LinearWeights;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.checkpoint.NormWeights;
import java.nio.FloatBuffer;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * libtorch as {@code torch.nn.TransformerEncoder} would use it: one product for query, key and value, {@code
 * scaled_dot_product_attention} (torch's fused attention), inference mode, and padding behind a mask. Without a mask
 * where nothing is padded.
 *
 * <p>Its Linears come in two forms, see {@link TorchLinear.Form}; the benchmark takes the one that is faster here. Tried
 * and slower than the better of them: {@code aten::_transformer_encoder_layer_fwd}, which is torch's own fast path,
 * {@code addmm} on transposed weights, oneDNN on weights that are not packed, and attention as two batched products with
 * a softmax between.
 */
final class LibTorch implements Contender {
    private final ModelConfig config;
    private final TorchLinear.Form form;
    private final PointerScope weights;
    private final List<TorchLinear> projections;
    private final List<Layer> layers;
    /** Or null. */
    private final LayerNorm finalNorm;

    LibTorch(Checkpoint checkpoint, TorchLinear.Form form) {
        this.config = checkpoint.config();
        this.form = form;
        bindThread();
        try (PointerScope scope = new PointerScope()) {
            this.weights = scope.extend();
            this.projections = checkpoint.weights().modalities().stream()
                    .map(modality -> linear(modality.projection().linear()))
                    .toList();
            this.layers = checkpoint.weights().stacks().get(0).layers().stream()
                    .map(this::layer)
                    .toList();
            NormWeights last = checkpoint.weights().stacks().get(0).finalNorm();
            this.finalNorm = last == null ? null : norm(last);
        }
    }

    /** Binds the calling thread: what torch does for it, it does on it alone. */
    static void bindThread() {
        torch.set_num_threads(1);
        openblas.blas_set_num_threads(1);
    }

    private Layer layer(LayerWeights layer) {
        return new Layer(
                form.of(StoredFloats.queryKeyValueWeight(layer), StoredFloats.queryKeyValueBias(layer)),
                layer.attentions().get(0).output() == null
                        ? null
                        : linear(layer.attentions().get(0).output()),
                norm(layer.attentions().get(0).norm()),
                linear(layer.feedForward().linear1()),
                linear(layer.feedForward().linear2()),
                norm(layer.feedForward().norm()));
    }

    private TorchLinear linear(LinearWeights linear) {
        return form.of(StoredFloats.of(linear.weight()), StoredFloats.of(linear.bias()));
    }

    private LayerNorm norm(NormWeights norm) {
        long size = norm.weight().shape().elements();
        return new LayerNorm(
                new TensorOptional(TorchLinear.tensor(StoredFloats.of(norm.weight()), size)),
                new TensorOptional(TorchLinear.tensor(StoredFloats.of(norm.bias()), size)),
                config.stacks().get(0).layer().layerNormEps());
    }

    @Override
    public String name() {
        return Measurement.LIBTORCH;
    }

    @Override
    public String variant() {
        return "Linears on " + form;
    }

    @Override
    public Fusing load(RowBatch rows) {
        return new TorchFusing(rows);
    }

    @Override
    public void close() {
        weights.close();
    }

    /** Inputs and mask of one batch. */
    private final class TorchFusing implements Fusing {
        private final RowBatch rows;
        private final PointerScope inputs;
        private final Tensor[] features;
        private final TensorOptional mask;

        TorchFusing(RowBatch rows) {
            this.rows = rows;
            try (PointerScope scope = new PointerScope()) {
                this.inputs = scope.extend();
                this.features = new Tensor[rows.modalities()];
                for (int m = 0; m < features.length; m++) {
                    int featureSize = config.modalities().get(m).featureSize();
                    features[m] = TorchLinear.tensor(rows.padded(m), rows.rows(), rows.longest(m), featureSize);
                }
                this.mask = rows.isPadded()
                        ? new TensorOptional(
                                TorchLinear.tensor(rows.attentionMask(), rows.rows(), 1, 1, rows.paddedTokens()))
                        : new TensorOptional();
            }
        }

        @Override
        public void run() {
            TorchLinear.inference(() -> fuse(features, mask));
        }

        @Override
        public float[] tokens() {
            return TorchLinear.inference(() -> {
                FloatBuffer fused = fuse(features, mask).contiguous().createBuffer();
                return rows.realTokens(fused, config.hiddenSize());
            });
        }

        @Override
        public void close() {
            inputs.close();
        }
    }

    private Tensor fuse(Tensor[] features, TensorOptional mask) {
        TensorVector projected = new TensorVector();
        for (int m = 0; m < features.length; m++) {
            projected.push_back(projections.get(m).apply(features[m]));
        }
        Tensor hidden = torch.cat(projected, 1);
        for (Layer layer : layers) {
            hidden = layer.forward(hidden, mask, config.stacks().get(0).layer());
        }
        return finalNorm == null ? hidden : finalNorm.apply(hidden);
    }

    private record LayerNorm(TensorOptional weight, TensorOptional bias, double epsilon) {
        Tensor apply(Tensor x) {
            return torch.layer_norm(x, new long[] {x.size(2)}, weight, bias, epsilon, false);
        }
    }

    private record Layer(
            TorchLinear queryKeyValue,
            TorchLinear output,
            LayerNorm norm1,
            TorchLinear feedForward1,
            TorchLinear feedForward2,
            LayerNorm norm2) {

        Tensor forward(Tensor hidden, TensorOptional mask, LayerConfig layerConfig) {
            if (layerConfig.normFirst()) {
                Tensor attended = attended(norm1.apply(hidden), hidden, mask, layerConfig.heads());
                return fed(norm2.apply(attended), attended, layerConfig.activation());
            }
            Tensor attended = norm1.apply(attended(hidden, hidden, mask, layerConfig.heads()));
            return norm2.apply(fed(attended, attended, layerConfig.activation()));
        }

        private Tensor attended(Tensor x, Tensor residual, TensorOptional mask, int heads) {
            Tensor context = attention(x, mask, heads);
            return output == null ? context.add_(residual) : output.added(context, residual);
        }

        private Tensor fed(Tensor x, Tensor residual, Activation activation) {
            return feedForward2.added(feedForward1.activated(x, activation), residual);
        }

        private Tensor attention(Tensor hidden, TensorOptional mask, int heads) {
            long rows = hidden.size(0);
            long tokens = hidden.size(1);
            long hiddenSize = hidden.size(2);
            Tensor split = queryKeyValue.apply(hidden).view(rows, tokens, 3, heads, hiddenSize / heads);
            return torch.scaled_dot_product_attention(
                            split.select(2, 0).transpose(1, 2),
                            split.select(2, 1).transpose(1, 2),
                            split.select(2, 2).transpose(1, 2),
                            mask,
                            0,
                            false,
                            new DoubleOptional(),
                            false)
                    .transpose(1, 2)
                    .reshape(rows, tokens, hiddenSize);
        }
    }
}
