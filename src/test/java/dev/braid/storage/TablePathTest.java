package dev.braid.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.spark.SharedSpark;
import dev.braid.tables.InputTables;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@ExtendWith(SharedSpark.class)
class TablePathTest {
    private final Configuration hadoop = new Configuration();
    private final SparkSession spark;

    @TempDir
    private Path directory;

    TablePathTest(SparkSession spark) {
        this.spark = spark;
    }

    @ParameterizedTest
    @CsvSource({
        "run_2024-01-01T00:00:00, file, /run_2024-01-01T00:00:00",
        "a:b, file, /a:b",
        "a:b/c, file, /a:b/c",
        "/x/a:b, file, /x/a:b",
        "x/a:b, file, /x/a:b",
        "file:/x, file, /x",
        "file:/[x] %20é, file, /[x] %20é",
    })
    void aColonMakesASchemeOnlyBeforeASlash(String text, String scheme, String path) throws IOException {
        assertThat(TablePath.parse(text, hadoop).toUri().getScheme()).isEqualTo(scheme);
        assertThat(TablePath.parse(text, hadoop).toUri().getPath()).endsWith(path);
    }

    @Test
    void everyPathThatLeadsNowhereIsNamedAtOnce() throws IOException {
        Files.createDirectories(directory.resolve("in [1]/a:b"));
        InputTables tables = new InputTables(spark);
        tables.places(
                List.of(directory + "/in [1]", directory + "/in [1]/a:b", directory + "/in*", "file:" + directory));
        assertThatThrownBy(() -> tables.places(List.of(
                        directory + "/a", directory.toString(), directory + "/b*", directory + "/c[", "nosuch://x/y")))
                .isInstanceOf(InputException.class)
                .hasMessageMatching("""
                        Cannot open feature tables:
                          table '.*/a': expected a path that exists, got none
                          table '.*/b\\*': expected a path that exists, got none
                          table '.*/c\\[': expected a path that can be opened, got .+
                          table 'nosuch://x/y': expected a path that can be opened, got .+""");
    }
}
