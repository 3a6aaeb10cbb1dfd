package dev.braid.job;

import static dev.braid.job.GrowingInput.report;
import static dev.braid.job.GrowingInput.rows;
import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.job.GrowingInput.Outcome;
import dev.braid.spark.SharedSpark;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Runs with {@code --report}. */
@ExtendWith(SharedSpark.class)
class ReportedRunTest {
    private final SparkSession spark;

    @TempDir
    private Path directory;

    private GrowingInput input;
    private Path page;

    ReportedRunTest(SparkSession spark) {
        this.spark = spark;
    }

    @BeforeEach
    void begin() {
        input = new GrowingInput(spark, directory);
        page = directory.resolve("report.html");
    }

    @Tag("slow")
    @Test
    void anUpdateReplacesThePageAndSaysWhatItKeptAndFused() throws IOException {
        input.add(rows(0, 20, 1));
        assertThat(report(input.fuse("out", "--report=" + page))).endsWith("report       file:" + page + "\n");
        assertThat(Files.readString(page)).contains("<b>20</b><span>rows fused</span>");

        input.add(rows(20, 26, 1));
        report(input.fuse("out", "--update", "--report=" + page));

        assertThat(Files.readString(page))
                .contains("<b>6</b><span>rows fused</span>", "<dt>Rows of the table</dt><dd>26</dd>")
                .contains("<dd>20 kept, 0 changed, 0 removed, 0 not in the input any more</dd>")
                .contains("<tr class=\"given\"><th scope=\"row\">update</th><td>true</td></tr>");
        assertThat(directory.resolve(".report.html.crc")).doesNotExist();
    }

    @Test
    void aRunWithNothingToDoWritesNoPage() throws IOException {
        input.add(rows(0, 5, 1));
        report(input.fuse("out"));

        assertThat(input.fuse("out", "--report=" + page).out()).startsWith("Nothing to do");
        assertThat(page).doesNotExist();
    }

    static boolean hasProc() {
        return Files.isDirectory(Path.of("/proc/self"));
    }

    /** Nobody can create a file there, root neither. */
    @Test
    @EnabledIf("hasProc")
    void aPageThatCannotBeWrittenIsAWarningAndTheTableIsComplete() throws IOException {
        input.add(rows(0, 5, 1));

        Outcome outcome = input.fuse("out", "--report=/proc/braid/report.html");

        assertThat(outcome.code()).isEqualTo(ExitCode.DONE);
        assertThat(outcome.error())
                .contains(
                        "Cannot write the report 'file:/proc/braid/report.html': expected a path that can be written, got")
                .contains("; the table 'file:" + directory.toRealPath() + "/out' is complete");
        assertThat(outcome.out()).contains("rows         5\n").doesNotContain("report  ");
        assertThat(directory.resolve("out/_SUCCESS")).exists();
    }

    @Test
    void aReportInTheOutputIsRefusedBeforeAnythingIsDone() throws IOException {
        input.add(rows(0, 5, 1));

        Outcome outcome = input.fuse("out", "--report=" + directory.resolve("out/report.html"));

        assertThat(outcome.code()).isEqualTo(ExitCode.INPUT);
        assertThat(outcome.error()).contains("expected a file outside of the output");
        assertThat(directory.resolve("out")).doesNotExist();
    }

    @Test
    void aReportBehindALinkToTheOutputIsRefusedToo() throws IOException {
        input.add(rows(0, 5, 1));
        Files.createSymbolicLink(directory.resolve("link"), directory);

        Outcome outcome = input.fuse("out", "--report=" + directory.resolve("link/out/report.html"));

        assertThat(outcome.code()).isEqualTo(ExitCode.INPUT);
        assertThat(outcome.error()).contains("expected a file outside of the output");
    }

    @Test
    void aRunThatFailsBeforeItFusesLeavesNoPageOfAnEarlierOne() throws IOException {
        Files.writeString(page, "published yesterday");
        input.add(rows(0, 5, 1));
        input.add(rows(0, 5, 1));

        Outcome outcome = input.fuse("out", "--report=" + page);

        assertThat(outcome.code()).isEqualTo(ExitCode.INPUT);
        assertThat(outcome.error()).contains("expected every key once");
        assertThat(page).doesNotExist();
    }
}
