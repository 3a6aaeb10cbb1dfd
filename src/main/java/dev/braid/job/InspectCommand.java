package dev.braid.job;

import dev.braid.InputException;
import dev.braid.checkpoint.Inspection;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.plan.TableInspection;
import dev.braid.spark.Emitted;
import dev.braid.spark.FusionConfig;
import dev.braid.tables.InputTables;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/**
 * {@code braid inspect}: shows how Braid reads a model, and whether feature tables fit it. Spark starts only if tables are
 * given.
 */
@Command(
        name = "inspect",
        description = "Shows what was understood of a model and, given tables, what they hold and whether they fit it.",
        customSynopsis = {
            "jobs/inspect.sh --model DIR",
            "       jobs/inspect.sh --model DIR --paired TABLE [OPTION]...",
            "       jobs/inspect.sh --model DIR --features M=TABLE... [OPTION]..."
        },
        sortOptions = false,
        footer = {
            "",
            "Exit codes: 0 the model was understood and the tables fit; 3 otherwise; 1 and 2 as jobs/fuse.sh.",
            "Of each table the footers are read and the first " + TableInspection.SAMPLED_ROWS
                    + " rows; with --pairs all ids.",
            "",
            "Examples:",
            "  jobs/inspect.sh --model model",
            "  jobs/inspect.sh --model model --paired pairs.parquet --key id"
        })
final class InspectCommand implements Callable<Integer> {
    @Mixin
    private InputOptions input;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        if (InputOptions.isMissing(input.model)) {
            throw new UsageException("Cannot inspect: expected '--model' (required), got none");
        }
        input.check("inspect");
        PrintWriter out = spec.commandLine().getOut();
        if (!input.hasTables()) {
            printModel(Inspection.read(input.model, Session.hadoop()), out);
            return ExitCode.DONE;
        }
        try (Session session = Session.open("inspect")) {
            print(session.spark(), out);
            return ExitCode.DONE;
        }
    }

    /** Prints the model, with the word embeddings that columns of token ids need, then the tables. */
    private void print(SparkSession spark, PrintWriter out) {
        Configuration hadoop = spark.sparkContext().hadoopConfiguration();
        Inspection model = Inspection.read(input.model, hadoop);
        TableInspection tables;
        try {
            tables = inspectTables(spark, model.checkpoint().config());
        } catch (InputException failure) {
            printModel(model, out);
            throw failure;
        }
        boolean readsIds = !tables.tokenIds().isEmpty();
        printModel(readsIds ? Inspection.read(input.model, hadoop, tables.tokenIds()) : model, out);
        out.println("\n" + new TableSummary(tables));
        if (!tables.misfits().isEmpty()) {
            throw InputException.of("Cannot fuse these tables with model '" + input.model + "'", tables.misfits());
        }
        out.println("\nThe tables fit the model.");
    }

    private static void printModel(Inspection model, PrintWriter out) {
        out.println(new ModelSummary(model));
    }

    private TableInspection inspectTables(SparkSession spark, ModelConfig model) {
        input.checkBudget(model);
        FusionConfig config =
                new FusionConfig(input.columns(model, List.of()), input.maxTokens, false, Set.of(Emitted.POOLED));
        return input.inspect(new InputTables(spark), config, model);
    }
}
