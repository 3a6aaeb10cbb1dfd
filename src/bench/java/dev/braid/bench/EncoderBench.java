package dev.braid.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Threads;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Braid's encoder next to libtorch and ONNX Runtime: the same weights and rows, one thread each, tokens and rows per
 * second. Only real tokens count. Before anything is timed every contender's output is held against Braid's portable
 * kernels ({@link Parity}), and a rival takes the fastest of its forms ({@link Contenders}).
 *
 * <p>Shapes and lengths are {@link EncoderShape} and {@link TextLength}; {@code -p contender=nd4j} runs the portable
 * kernels. The rivals get their inputs as ready tensors; Braid decodes, checks and packs its rows inside the time.
 *
 * <pre>mvn -q -Pbench test-compile exec:exec</pre>
 *
 * runs everything and prints the table ({@link EncoderBenchReport}), about 20 minutes; {@code -Dbench.args="-p shape=I -p
 * text=RAGGED"} takes any of JMH's own options.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Fork(1)
@Threads(1)
@Warmup(iterations = 1, time = 3)
@Measurement(iterations = 5, time = 3)
public class EncoderBench {
    @Param({"I", "II", "III", "IV", "V"})
    EncoderShape shape;

    @Param({"DENSE", "RAGGED"})
    TextLength text;

    @Param({Contenders.BRAID, Contenders.LIBTORCH, Contenders.ONNX_RUNTIME})
    String contender;

    private final List<Contender.Fusing> batches = new ArrayList<>();
    private Workload workload;
    private Contender running;
    private int next;

    /** Real tokens and rows fused, which JMH gives per second. */
    @State(Scope.Thread)
    @AuxCounters(AuxCounters.Type.OPERATIONS)
    public static class Fused {
        /** Real tokens. */
        public long tokens;
        /** Rows. */
        public long rows;
    }

    /** Makes the contender, compares it, and loads the batches. */
    @Setup
    public void load() {
        OneThread.require();
        workload = Workload.of(shape, text);
        running = Contenders.fastest(contender, workload);
        compare();
        for (RowBatch rows : workload.batches()) {
            batches.add(running.load(rows));
        }
    }

    private void compare() {
        RowBatch sample = workload.sample();
        try (Contender portable = Contenders.fastest(Contenders.ND4J, workload);
                Contender.Fusing expected = portable.load(sample);
                Contender.Fusing fused = running.load(sample)) {
            Parity.check(running.name(), fused.tokens(), expected.tokens());
            OneThread.require(running.name(), fused);
        }
    }

    /** Fuses one batch. */
    @Benchmark
    public void fuse(Fused fused) {
        RowBatch rows = workload.batches().get(next);
        batches.get(next).run();
        next = (next + 1) % batches.size();
        fused.tokens += rows.tokens();
        fused.rows += rows.rows();
    }

    /** Frees native memory. */
    @TearDown
    public void close() {
        batches.forEach(Contender.Fusing::close);
        running.close();
    }
}
