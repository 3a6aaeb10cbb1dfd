package dev.braid.job;

import dev.braid.ml.FusionTransformer;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Stream;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Runs the commands of a file one after another in one JVM and its Spark session: a line per run, its name and the
 * arguments between tabs; the command 'pipeline' takes a model, a table and an output, 'sql' takes statements, 'forget' removes
 * what a manifest says of tables of the catalog, and 'damage' changes a byte of a table's largest file; 'fails' takes the exit
 * code of the command after it. What a run prints goes to NAME.txt, or to standard error if it fails; the others run all the
 * same. Writes session.txt at the end if the session is still there: no command may stop one that it did not start.
 */
public final class Runs {
    private Runs() {}

    /** Fuses a table of arrays with a pipeline that was saved and loaded; it must know the service by its name, too. */
    private static int pipeline(String model, String table, String output, PrintWriter out) throws IOException {
        FusionTransformer fusion = new FusionTransformer()
                .setModel(model)
                .setColumn("visual=visual_flat32", "text=text_flat32")
                .setEmit("pooled", "tokens")
                .setVectors("array");
        new Pipeline().setStages(new PipelineStage[] {fusion}).save(output + ".pipeline");
        Dataset<Row> rows = SparkSession.active()
                .read()
                .parquet(table)
                .select("key_string", "row", "visual_flat32", "text_flat32");
        Dataset<Row> fused = Pipeline.load(output + ".pipeline").fit(rows).transform(rows);
        fused.drop("visual_flat32", "text_flat32").write().parquet(output);
        long vectors = fusion.copy(ParamMap.empty())
                .setVectors("vector")
                .transform(rows)
                .select("fused")
                .collectAsList()
                .stream()
                .filter(row -> row.get(0) instanceof Vector)
                .count();
        boolean found = ServiceLoader.load(Transformer.class).stream().anyMatch(each -> each.type() == FusionTransformer.class);
        out.println("fused " + vectors + " rows to Spark ML's vectors; a service: " + found);
        fusion.close();
        return vectors == rows.count() && found ? ExitCode.DONE : ExitCode.FAILED;
    }

    private static int sql(List<String> statements) {
        statements.forEach(SparkSession.active()::sql);
        return ExitCode.DONE;
    }

    /** As if the driver had died after the transaction. */
    private static int forget(Path manifest) throws IOException {
        String text = Files.readString(manifest);
        String less = text.replaceAll(",\\s*\"outputTables\" : \\[[^\\]]*\\]", "");
        Files.writeString(manifest, less);
        return less.length() < text.length() ? ExitCode.DONE : ExitCode.FAILED;
    }

    /** Changes one byte in the middle of the largest Parquet file below a directory. */
    private static int damage(Path directory) throws IOException {
        Path largest;
        try (Stream<Path> files = Files.walk(directory)) {
            largest = files.filter(file -> file.toString().endsWith(".parquet"))
                    .max(Comparator.comparing(file -> file.toFile().length()))
                    .orElseThrow();
        }
        byte[] bytes = Files.readAllBytes(largest);
        bytes[bytes.length / 2] ^= 1;
        Files.write(largest, bytes);
        Files.deleteIfExists(largest.resolveSibling("." + largest.getFileName() + ".crc")); // of Hadoop's local file system
        return ExitCode.DONE;
    }

    /** Takes the file. */
    public static void main(String[] arguments) throws IOException {
        SparkSession session = SparkSession.builder().getOrCreate();
        int failed = 0;
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            List<String> words = Arrays.asList(line.split("\t"));
            String[] command = words.subList(1, words.size()).toArray(String[]::new);
            StringWriter out = new StringWriter();
            StringWriter error = new StringWriter();
            int expected = ExitCode.DONE;
            if (command[0].equals("fails")) {
                expected = Integer.parseInt(command[1]);
                command = Arrays.copyOfRange(command, 2, command.length);
            }
            int code = switch (command[0]) {
                case "pipeline" -> pipeline(command[1], command[2], command[3], new PrintWriter(out, true));
                case "sql" -> sql(words.subList(2, words.size()));
                case "damage" -> damage(Path.of(command[1]));
                case "forget" -> forget(Path.of(command[1], "_manifest.json"));
                default -> Braid.run(command, new PrintWriter(out, true), new PrintWriter(error, true));
            };
            if (code == expected) {
                Files.writeString(Path.of(words.get(0) + ".txt"), out.toString() + error);
            } else {
                failed++;
                System.err.println("Run '" + words.get(0) + "' ended with exit code " + code + ": " + error);
            }
        }
        if (!session.sparkContext().isStopped()) {
            Files.writeString(Path.of("session.txt"), "");
        }
        if (failed > 0) {
            System.exit(1);
        }
    }
}
