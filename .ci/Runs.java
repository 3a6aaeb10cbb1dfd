package dev.braid.job;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.SparkSession;

/**
 * Runs the commands of a file one after another in one JVM and its Spark session: a line per run, its name and the
 * arguments between tabs. What a run prints goes to NAME.txt, or to standard error if it fails; the others run all the
 * same. Writes session.txt at the end if the session is still there: no command may stop one that it did not start.
 */
public final class Runs {
    private Runs() {}

    /** Takes the file. */
    public static void main(String[] arguments) throws IOException {
        SparkSession session = SparkSession.builder().getOrCreate();
        int failed = 0;
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            List<String> words = Arrays.asList(line.split("\t"));
            String[] command = words.subList(1, words.size()).toArray(String[]::new);
            StringWriter out = new StringWriter();
            StringWriter error = new StringWriter();
            int code = Braid.run(command, new PrintWriter(out, true), new PrintWriter(error, true));
            if (code == ExitCode.DONE) {
                Files.writeString(Path.of(words.get(0) + ".txt"), out.toString());
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
