package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.spark.Tables;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/** Which files {@code --report} takes, before any work is done. */
class ReportFileTest {
    private static final Configuration HADOOP = new Configuration();

    @TempDir
    Path directory;

    @Test
    void withoutTheOptionThereIsNoReport() {
        assertThat(ReportFile.at(null, "file:/fused", Tables.places(List.of(), HADOOP), HADOOP))
                .isEmpty();
        assertThat(ReportFile.at(" ", "file:/fused", Tables.places(List.of(), HADOOP), HADOOP))
                .isEmpty();
    }

    @Test
    void aNewFileAndAnOlderReportAreTaken() throws IOException {
        Files.writeString(directory.resolve("old.html"), "old");

        for (String name : new String[] {"new.html", "old.html", "deep/er/new.html", "a b [c].html"}) {
            assertThat(at(name)).isPresent();
        }
        assertThat(directory.resolve("deep")).doesNotExist();
    }

    @ParameterizedTest
    @CsvSource({
        "pairs/report.html, 'expected a path apart from the input, got input '",
        "nights/1/report.html, 'expected a path apart from the input, got input '",
        "fused/report.html, 'expected a file outside of the output, got one in '",
        "fused/a/report.html, 'expected a file outside of the output, got one in '",
        "directory.html, 'expected a file, got a directory'",
        "file/report.html, 'expected a directory to write it to, got file '",
        "file/a/report.html, 'expected a directory to write it to, got file '"
    })
    void aPathThatCannotBeWrittenIsRefused(String name, String message) throws IOException {
        Files.createDirectory(directory.resolve("directory.html"));
        Files.createDirectories(directory.resolve("nights/1"));
        Files.createFile(directory.resolve("file"));

        assertThatThrownBy(() -> at(name))
                .isInstanceOf(InputException.class)
                .hasMessageStartingWith("Cannot write the report '" + directory.resolve(name) + "': ")
                .hasMessageContaining(message);
    }

    @Test
    void anUnknownFileSystemIsRefused() {
        assertThatThrownBy(() -> ReportFile.at(
                        "nowhere://x/report.html", "file:/fused", Tables.places(List.of(), HADOOP), HADOOP))
                .isInstanceOf(InputException.class)
                .hasMessageStartingWith(
                        "Cannot write the report 'nowhere://x/report.html': expected a path that can be")
                .hasMessageContaining("nowhere");
    }

    /** So that no table, model or text can be replaced by mistake. */
    @Test
    void onlyNamesOfPagesAreTaken() {
        CommandLine command = Braid.commandLine();

        assertThatThrownBy(() -> command.parseArgs("fuse", "--report", "pairs.parquet"))
                .isInstanceOf(ParameterException.class)
                .hasMessageContaining("expected a file whose name ends in .html, got 'pairs.parquet'");
    }

    private Optional<ReportFile> at(String name) {
        return ReportFile.at(
                directory.resolve(name).toString(),
                "file:" + directory.resolve("fused"),
                Tables.places(List.of(directory.resolve("pairs").toString(), directory + "/nights/*"), HADOOP),
                HADOOP);
    }
}
