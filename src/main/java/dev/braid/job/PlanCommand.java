package dev.braid.job;

import dev.braid.InputException;
import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.ModelConfig;
import dev.braid.plan.EncoderRate;
import dev.braid.plan.JvmSettings;
import dev.braid.plan.MemoryPlan;
import dev.braid.plan.Schedule;
import dev.braid.plan.TableInspection;
import dev.braid.spark.FeatureTables;
import dev.braid.spark.FusionConfig;
import dev.braid.spark.FusionEngine;
import dev.braid.tables.InputTables;
import dev.braid.tables.TableLoad;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code braid plan}: the memory, the time and the cost of a fusion, before it is started. Nothing is written. */
@Command(
        name = "plan",
        description =
                "Computes the memory, the time and the cost of a fusion with these options and Spark settings, and"
                        + " prints settings that work. Nothing is written.",
        customSynopsis = {
            "jobs/plan.sh [SPARK... --] --model DIR --paired TABLE --key COL [OPTION]...",
            "       jobs/plan.sh [SPARK... --] --model DIR --features M=TABLE... --key COL [OPTION]..."
        },
        sortOptions = false,
        footer = {
            "",
            "Exit codes: 0 the settings work; 3 they do not, or a table or the model is wrong; 1 and 2 as jobs/fuse.sh.",
            "The options are those of jobs/fuse.sh. Of each table the footers are read and the first "
                    + TableInspection.SAMPLED_ROWS + " rows.",
            "If Spark's settings, before the lone --, describe executors, the plan is for executors; otherwise for this machine.",
            "",
            "Example:",
            "  jobs/plan.sh --executor-cores 8 --executor-memory 8g -- --model model \\",
            "      --paired pairs.parquet --key id --until 06:00 --price 0.05"
        })
final class PlanCommand implements Callable<Integer> {
    @Mixin
    private FuseOptions options;

    @Option(
            names = "--until",
            paramLabel = "WHEN",
            converter = Deadline.Form.class,
            description = "When the table must be finished: a duration such as 90m, 6h or 2d, or a time of day such as"
                    + " 06:00, the next one. Default: none; the time that the executors take is shown.")
    private Deadline until;

    @Option(
            names = "--rate",
            paramLabel = "N",
            converter = Rate.Form.class,
            description = "What one task slot fuses per second: a number of rows, or of tokens such as 25000tokens."
                    + " Default: measured here, in four seconds.")
    private Rate rate;

    @Option(
            names = "--price",
            paramLabel = "P",
            converter = ToleranceOption.Positive.class,
            description = "The price of a core-hour, in any currency. Default: none; core-hours are shown.")
    private Double price;

    @Option(
            names = "--options",
            paramLabel = "FILE",
            description = "File with any of these options, as for jobs/fuse.sh.")
    String optionsFile;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() {
        options.check("plan");
        try (Session session = Session.open("plan")) {
            SparkSession spark = session.spark();
            Configuration hadoop = spark.sparkContext().hadoopConfiguration();
            InputTables named = new InputTables(spark);
            named.places(options.input.tables());
            Checkpoint stored = options.repooled(Checkpoint.read(options.input.model, hadoop));
            FusionConfig config = options.config(stored.config());
            FusionEngine.check(stored, config);
            FeatureTables tables = options.input.open(named, stored.config(), config.columns());
            Checkpoint checkpoint = stored.withTokenIds(tables.tokenIds(), options.input.model, hadoop);
            TableInspection sample = options.input.inspect(named, config, checkpoint.config());
            if (!sample.misfits().isEmpty()) {
                throw InputException.of("Cannot fuse these tables", sample.misfits());
            }
            ModelConfig model = checkpoint.config();
            SparkConf conf = spark.sparkContext().getConf();
            JvmSettings jvm = JvmSettings.planned(conf, JvmSettings.Machine.here());
            TableLoad load = tables.load(config, model);
            MemoryPlan.Lengths lengths = new MemoryPlan.Lengths(sample.shortestRow(model), sample.longestRow(model));
            MemoryPlan memory = MemoryPlan.of(checkpoint, config, tables, jvm, lengths);
            PrintWriter out = spec.commandLine().getOut();
            out.println(new MemoryReport(load, sample, model, memory));
            refuse(memory.impossible());
            if (load.rows() > 0 && sample.meanTokens(model) > 0) {
                Rate used = rate == null ? measured(checkpoint, config, sample, jvm) : rate;
                double seconds = used.seconds(load.rows(), sample.meanTokens(model));
                Schedule schedule = new Schedule(
                        seconds, jvm.slots(), jvm.cores(), load.joined() ? Integer.MAX_VALUE : load.groups());
                int instances = jvm.isLocal() ? 1 : conf.getInt("spark.executor.instances", 1);
                out.println();
                out.println(new ScheduleReport(schedule, used, jvm.isLocal(), instances, until, price));
            }
            refuse(memory.problems());
            return ExitCode.DONE;
        }
    }

    private static void refuse(List<String> problems) {
        if (!problems.isEmpty()) {
            throw InputException.of("Cannot fuse with these settings", problems);
        }
    }

    private static Rate measured(Checkpoint checkpoint, FusionConfig config, TableInspection sample, JvmSettings jvm) {
        int here = Runtime.getRuntime().availableProcessors() / jvm.taskCpus();
        return Rate.measured(EncoderRate.measure(
                checkpoint, config, sample.tokens(), Math.max(1, Math.min(here, jvm.slots())), jvm.taskCpus()));
    }
}
