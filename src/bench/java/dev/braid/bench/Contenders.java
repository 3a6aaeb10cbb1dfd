package dev.braid.bench;

import dev.braid.kernel.KernelLibrary;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;

/** Makes contenders, each in the form that runs fastest on this processor. */
final class Contenders {
    static final String BRAID = "braid";
    static final String ND4J = "nd4j";
    static final String LIBTORCH = "libtorch";
    static final String ONNX_RUNTIME = "onnxruntime";

    private static final int TRIALS = 3;

    private Contenders() {}

    /** The contender of that name; of a rival's forms the one that is fastest on the workload's sample. */
    static Contender fastest(String name, Workload workload) {
        List<Contender> forms = forms(name, workload);
        return forms.size() == 1 ? forms.get(0) : fastest(forms, workload.sample());
    }

    /** Every form of that contender. */
    static List<Contender> forms(String name, Workload workload) {
        var checkpoint = workload.checkpoint();
        return switch (name) {
            case BRAID -> List.of(new BraidContender(checkpoint, KernelLibrary.oneDnn()));
            case ND4J -> List.of(new BraidContender(checkpoint, KernelLibrary.portable()));
            case LIBTORCH -> all(TorchLinear.Form.values(), form -> new LibTorch(checkpoint, form));
            case ONNX_RUNTIME -> all(OnnxEncoder.Form.values(), form -> new OnnxRuntime(checkpoint, form));
            default ->
                throw new IllegalArgumentException("Cannot run contender '" + name + "': expected one of "
                        + Stream.of(BRAID, ND4J, LIBTORCH, ONNX_RUNTIME).toList());
        };
    }

    private static <F> List<Contender> all(F[] forms, Function<F, Contender> contender) {
        return Arrays.stream(forms).map(contender).toList();
    }

    private static Contender fastest(List<Contender> forms, RowBatch rows) {
        List<Contender.Fusing> loaded = new ArrayList<>();
        forms.forEach(form -> loaded.add(form.load(rows)));
        long[] best = new long[forms.size()];
        Arrays.fill(best, Long.MAX_VALUE);
        for (int trial = 0; trial < TRIALS; trial++) {
            for (int f = 0; f < best.length; f++) {
                long start = System.nanoTime();
                loaded.get(f).run();
                best[f] = Math.min(best[f], System.nanoTime() - start);
            }
        }
        loaded.forEach(Contender.Fusing::close);
        int winner = 0;
        for (int f = 0; f < best.length; f++) {
            System.out.printf("# trial: %s, %.2f ms%n", forms.get(f).name(), best[f] * 1e-6);
            if (best[f] < best[winner]) {
                winner = f;
            }
        }
        for (int f = 0; f < best.length; f++) {
            if (f != winner) {
                forms.get(f).close();
            }
        }
        return forms.get(winner);
    }
}
