package dev.braid.bench;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions.OptLevel;
import dev.braid.bench.report.Measurement;
import dev.braid.checkpoint.Checkpoint;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.Map;

/**
 * ONNX Runtime on its CPU provider: one thread, every graph optimisation, inputs made once.
 *
 * <p>The graph comes in the forms of {@link OnnxEncoder.Form}; the benchmark takes the one that is faster here.
 * Tried and no faster at any shape: {@code com.microsoft.MultiHeadAttention} on separate projections, and every Linear as
 * a {@code Gemm} over all tokens.
 *
 * <p>{@code ORT_DISABLE_TELEMETRY=1} must be in the environment: 1.29.0 can crash on Linux when its telemetry starts.
 *
 * @see <a href="https://github.com/microsoft/onnxruntime/issues/32173">microsoft/onnxruntime issue 32173</a>
 */
final class OnnxRuntime implements Contender {
    private final OrtEnvironment environment;
    private final Checkpoint checkpoint;
    private final OnnxEncoder.Form form;
    private final Map<Boolean, OrtSession> sessionsByMasked = new HashMap<>();

    OnnxRuntime(Checkpoint checkpoint, OnnxEncoder.Form form) {
        this.environment = OrtEnvironment.getEnvironment();
        this.checkpoint = checkpoint;
        this.form = form;
    }

    private OrtSession session(boolean masked) {
        return sessionsByMasked.computeIfAbsent(masked, key -> {
            try {
                return session(environment, OnnxEncoder.write(checkpoint, form, key));
            } catch (OrtException e) {
                throw new IllegalStateException(e);
            }
        });
    }

    /** One thread, every optimisation. */
    static OrtSession session(OrtEnvironment environment, byte[] model) throws OrtException {
        if (System.getenv("ORT_DISABLE_TELEMETRY") == null) {
            throw new IllegalStateException(
                    "Cannot load ONNX Runtime: expected ORT_DISABLE_TELEMETRY=1 in the environment"
                            + " (telemetry can crash 1.29.0 on Linux), got it unset; start jobs/bench.sh");
        }
        try (var options = new OrtSession.SessionOptions()) {
            options.setIntraOpNumThreads(1);
            options.setInterOpNumThreads(1);
            options.setOptimizationLevel(OptLevel.ALL_OPT);
            return environment.createSession(model, options);
        }
    }

    @Override
    public String name() {
        return Measurement.ONNX_RUNTIME;
    }

    @Override
    public String variant() {
        return "attention as " + form;
    }

    @Override
    public Fusing load(RowBatch rows) {
        return new OnnxFusing(rows);
    }

    @Override
    public void close() {
        try {
            for (OrtSession session : sessionsByMasked.values()) {
                session.close();
            }
        } catch (OrtException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Inputs and mask of one batch. */
    private final class OnnxFusing implements Fusing {
        private final RowBatch rows;
        private final OrtSession session;
        private final Map<String, OnnxTensor> inputs = new HashMap<>();

        OnnxFusing(RowBatch rows) {
            this.rows = rows;
            this.session = session(rows.isPadded());
            for (int m = 0; m < rows.modalities(); m++) {
                var modality = checkpoint.config().modalities().get(m);
                put(modality.name(), rows.padded(m), rows.rows(), rows.longest(m), modality.featureSize());
            }
            if (rows.isPadded()) {
                put(OnnxEncoder.MASK, rows.attentionMask(), rows.rows(), 1, 1, rows.paddedTokens());
            }
        }

        private void put(String name, FloatBuffer values, long... sizes) {
            try {
                inputs.put(name, OnnxTensor.createTensor(environment, values, sizes));
            } catch (OrtException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public void run() {
            try {
                session.run(inputs).close();
            } catch (OrtException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public float[] tokens() {
            try (OrtSession.Result result = session.run(inputs)) {
                FloatBuffer fused = ((OnnxTensor) result.get(0)).getFloatBuffer();
                return rows.realTokens(fused, checkpoint.config().hiddenSize());
            } catch (OrtException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public void close() {
            inputs.values().forEach(OnnxTensor::close);
        }
    }
}
