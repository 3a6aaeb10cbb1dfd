package dev.braid.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * Runs {@link EncoderBench} and prints what it found as a Markdown table. The contenders of one shape run one after the
 * other, so that a machine that drifts is the same machine to each.
 */
public final class EncoderBenchReport {
    private static final String CONTENDER = "contender";

    private EncoderBenchReport() {}

    /** Takes JMH's options; {@code -p} chooses shapes, lengths and contenders. */
    public static void main(String[] args) throws CommandLineOptionException, RunnerException {
        Options options = new CommandLineOptions(args);
        List<String> rows = new ArrayList<>();
        List<String> contenders =
                chosen(options, CONTENDER, List.of(Contenders.BRAID, Contenders.LIBTORCH, Contenders.ONNX_RUNTIME));
        for (String shape : chosen(options, "shape", names(EncoderShape.values()))) {
            for (String text : chosen(options, "text", names(TextLength.values()))) {
                Collection<RunResult> results = new Runner(new OptionsBuilder()
                                .parent(options)
                                .include(EncoderBench.class.getName())
                                .param("shape", shape)
                                .param("text", text)
                                .param(CONTENDER, contenders.toArray(String[]::new))
                                .shouldFailOnError(true)
                                .build())
                        .run();
                rows.add(row(shape, text, contenders, results));
            }
        }
        System.out.println();
        System.out.println("Real tokens per second, one thread, with JMH's 99.9 % interval:");
        System.out.println();
        System.out.println(
                "| shape | text | " + String.join(" | ", contenders) + " | braid / best other | braid rows/s |");
        System.out.println("|---|---|" + "---|".repeat(contenders.size() + 2));
        rows.forEach(System.out::println);
    }

    private static List<String> names(Enum<?>[] values) {
        return Arrays.stream(values).map(Enum::name).toList();
    }

    private static List<String> chosen(Options options, String parameter, List<String> all) {
        return options.getParameter(parameter).hasValue()
                ? List.copyOf(options.getParameter(parameter).get())
                : all;
    }

    private static String row(String shape, String text, List<String> contenders, Collection<RunResult> results) {
        Map<String, RunResult> byContender = results.stream()
                .collect(Collectors.toMap(result -> result.getParams().getParam(CONTENDER), Function.identity()));
        StringBuilder row = new StringBuilder();
        row.append(String.format("| (%s) | %s |", shape.toLowerCase(Locale.ROOT), text.toLowerCase(Locale.ROOT)));
        double bestOther = 0;
        for (String contender : contenders) {
            RunResult result = byContender.get(contender);
            double tokens = rate(result, "tokens");
            double error = result.getSecondaryResults().get("tokens").getScoreError();
            row.append(String.format(" %,.0f ± %,.0f |", tokens, error));
            if (!contender.equals(Contenders.BRAID)) {
                bestOther = Math.max(bestOther, tokens);
            }
        }
        RunResult braid = byContender.get(Contenders.BRAID);
        if (braid == null || bestOther == 0) {
            return row.append(" | |").toString();
        }
        return row.append(String.format(" %.2f | %,.1f |", rate(braid, "tokens") / bestOther, rate(braid, "rows")))
                .toString();
    }

    private static double rate(RunResult result, String counter) {
        return result.getSecondaryResults().get(counter).getScore();
    }
}
