package dev.braid.bench;

import dev.braid.bench.report.Environment;
import dev.braid.bench.report.Measurement;
import dev.braid.bench.report.Part;
import dev.braid.bench.report.Results;
import java.nio.file.Path;
import java.util.List;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.openblas.global.openblas_full;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Measures the parts that run inside the JVM, each into a file of its own. Started by {@code jobs/bench.sh}. */
@Command(name = "bench", mixinStandardHelpOptions = true)
public final class Bench implements Runnable {
    @Option(names = "--part", required = true, description = "kernel, encoder, slots or lengths")
    private List<Part> parts;

    @Option(names = "--quick", description = "fewer shapes, rows and rounds")
    private boolean quick;

    @Option(names = "--shape", description = "I, II, III, IV or V")
    private List<EncoderShape> shapes;

    @Option(names = "--rounds", description = "rounds of everything")
    private Integer rounds;

    @Option(names = "--revision", defaultValue = "", description = "of the sources, for the report")
    private String revision;

    @Option(names = "--output", required = true, description = "directory of the results")
    private Path output;

    private Bench() {}

    /** Takes the options above. */
    public static void main(String[] args) {
        System.exit(new CommandLine(new Bench())
                .setCaseInsensitiveEnumValuesAllowed(true)
                .execute(args));
    }

    @Override
    public void run() {
        OneThread.require();
        Effort effort = effort();
        for (Part part : parts) {
            List<Measurement> measurements = switch (part) {
                case KERNEL -> KernelPart.measure(effort);
                case ENCODER -> EncoderPart.measure(effort);
                case SLOTS -> SlotsPart.measure(effort.forSlots());
                case LENGTHS -> LengthsPart.measure(effort);
                case END_TO_END, VECTORS, ENDS ->
                    throw new IllegalArgumentException("Cannot measure '" + part
                            + "': expected a part that runs inside the JVM; start jobs/bench.sh");
            };
            new Results(Environment.of(coreType(), revision), measurements).write(output, part);
        }
    }

    private Effort effort() {
        Effort effort = quick ? Effort.QUICK : Effort.FULL;
        if (shapes != null) {
            effort = effort.withShapes(shapes);
        }
        return rounds == null ? effort : effort.withRounds(rounds);
    }

    /** What the libraries take the processor for. */
    private static String coreType() {
        String clock = Clock.CHOSEN == Clock.PROCESSOR ? ", times of the processor alone" : "";
        return "oneDNN: " + dnnl.get_effective_cpu_isa() + ", OpenBLAS: "
                + openblas_full.openblas_get_corename().getString() + clock;
    }
}
