package dev.braid.job;

import java.io.IOException;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code braid fuse}: feature tables in, a table of fused representations out. */
@Command(
        name = "fuse",
        description = "Fuses the modalities of every row with a Transformer and writes one table of representations.",
        customSynopsis = {
            "braid fuse --model DIR --paired PATH --key COL --output PATH [OPTION]...",
            "       braid fuse --model DIR --features M=PATH... --key COL --output PATH [OPTION]..."
        },
        sortOptions = false,
        footerHeading = "%nExit codes:%n",
        footer = {
            "  0  done",
            "  1  failed",
            "  2  the command line or the options file cannot be parsed, or the output exists",
            "  3  a path, a table or the model lacks or holds something that it should not",
            "",
            "Examples:",
            "  jobs/fuse.sh --model model --paired pairs.parquet --key id --output fused",
            "  jobs/fuse.sh --model model --features visual=images.parquet --features text=captions.parquet \\",
            "      --dtype visual=float16 --key id --keep label --emit pooled,tokens --output fused",
            "  jobs/fuse.sh --master yarn --num-executors 8 -- --model hdfs:///model --paired hdfs:///pairs \\",
            "      --key id --output hdfs:///fused"
        })
final class FuseCommand implements Callable<Integer> {
    @Mixin
    private FuseOptions options;

    @Option(
            names = "--options",
            paramLabel = "FILE",
            description = "File with any of these options, as 'max-tokens = 4096' or 'features.visual = PATH'; the"
                    + " command line wins. Default: conf/braid.properties, when started by jobs/fuse.sh.")
    String optionsFile;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        options.check();
        try (SparkSession spark = Session.start("fuse")) {
            spec.commandLine().getOut().println(spark.version());
            return ExitCode.DONE;
        }
    }
}
