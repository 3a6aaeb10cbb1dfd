package dev.braid.job;

import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

/** {@code braid fuse}: feature tables in, a table of fused representations out. {@link FuseRun} is the run. */
@Command(
        name = "fuse",
        description = "Fuses the modalities of every row with a Transformer and writes one table of representations.",
        customSynopsis = {
            "jobs/fuse.sh [SPARK... --] --model DIR --paired TABLE --key COL --output PATH [OPTION]...",
            "       jobs/fuse.sh [SPARK... --] --model DIR --features M=TABLE... --key COL --output PATH [OPTION]...",
            "       jobs/fuse.sh [SPARK... --] --model DIR --features M=TABLE... --pairs TABLE --pair M=COL... --key COL"
                    + " --output PATH [OPTION]..."
        },
        sortOptions = false,
        footerHeading = "%nExit codes:%n",
        footer = {
            "  0  done, or nothing to do",
            "  1  failed: storage, network, lost executors, memory, a full disk or a fault of Braid; a retry may",
            "     help; or the table is complete and its report cannot be printed",
            "  2  the command line or the options file is wrong, the output exists, another run writes it, or",
            "     the history of --output-table forbids writing the rows again",
            "  3  a table, the model or a setting is wrong, or no run can succeed with so little memory; a",
            "     retry cannot help",
            "  130, 143  stopped by SIGINT or SIGTERM; one line says what was published; the same command,",
            "     started again, continues from the finished files (after a crash too)",
            "",
            "Examples:",
            "  jobs/fuse.sh --model model --paired pairs.parquet --key id --output fused",
            "  jobs/fuse.sh --model model --features visual=images.parquet --features text=captions.parquet \\",
            "      --dtype visual=float16 --key id --keep label --emit pooled,tokens --output fused",
            "  jobs/fuse.sh --model model --features visual=images --features text=captions --pairs pairs \\",
            "      --pair visual=image_id --pair text=caption_id --key pair_id --output fused",
            "  jobs/fuse.sh --master yarn --num-executors 8 -- --model hdfs:///model --paired hdfs:///pairs \\",
            "      --key id --output hdfs:///fused"
        })
final class FuseCommand implements Callable<Integer> {
    @Mixin
    FuseOptions options;

    @Option(
            names = "--options",
            paramLabel = "FILE",
            description = "File with any of these options, as 'max-tokens = 4096' or 'features.visual = PATH'; the"
                    + " command line wins. Default: conf/braid.properties, when started by jobs/fuse.sh.")
    String optionsFile;

    @ParentCommand
    private Braid braid;

    @Spec
    private CommandSpec spec;

    @Override
    public Integer call() throws IOException {
        options.check("fuse");
        try (Session session = Session.open("fuse")) {
            SignalMessage.unpublished(() -> 0);
            new FuseRun(options, spec, braid.messages(), session.spark()).run();
            return ExitCode.DONE;
        }
    }
}
