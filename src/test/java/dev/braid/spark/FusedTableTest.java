package dev.braid.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.parquet.column.Encoding;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.metadata.ColumnChunkMetaData;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

@ExtendWith(SharedSpark.class)
class FusedTableTest {
    private final SparkSession spark;

    @TempDir
    private Path directory;

    FusedTableTest(SparkSession spark) {
        this.spark = spark;
    }

    @Test
    void aTableIsPublishedWholeAndNothingElseStays() throws IOException {
        FusedTable table = at("out", false);
        table.write(rows(10), 10);
        assertThat(table.path()).isEqualTo("file:" + directory.resolve("out"));
        assertThat(names(directory)).containsExactly("out");
        assertThat(names(directory.resolve("out"))).contains("_SUCCESS");
        assertThat(spark.read().parquet(table.path()).count()).isEqualTo(10);
    }

    @Test
    void floatsAreWrittenWithoutDictionaryAndEverythingWithZstd() throws IOException {
        Dataset<Row> rows = spark.range(0, 1000, 1, 1)
                .selectExpr(
                        "string(id % 3) as id",
                        "named_struct('Mixed', 1f, 'd', map('a', 2D)) as kept",
                        "array(1f, 2f) as fused",
                        "array(array(1f, 2f)) as fused_tokens");
        at("out", false).write(rows, 1000);
        Set<String> withDictionary = new TreeSet<>();
        int columns = 0;
        for (ColumnChunkMetaData chunk : chunks(directory.resolve("out"))) {
            columns++;
            assertThat(chunk.getCodec()).isEqualTo(CompressionCodecName.ZSTD);
            if (chunk.getEncodings().stream().anyMatch(Encoding::usesDictionary)) {
                withDictionary.add(chunk.getPath().toDotString());
            }
        }
        assertThat(columns).isEqualTo(6);
        assertThat(withDictionary).containsExactly("id", "kept.d.key_value.key");
    }

    @Test
    void anExistingOutputIsRefusedUnlessItMayBeReplaced() throws IOException {
        at("out", false).write(rows(3), 3);
        assertThatThrownBy(() -> at("out", false))
                .isInstanceOf(OutputExistsException.class)
                .hasMessage("Cannot write 'file:" + directory.resolve("out")
                        + "': expected a path that does not exist, got one that does; choose another or pass"
                        + " --overwrite");
        at("out", true).write(rows(5), 5);
        assertThat(spark.read().parquet(directory + "/out").count()).isEqualTo(5);
        assertThat(names(directory)).containsExactly("out");
    }

    @Test
    void anOutputThatAppearsMeanwhileIsRefused() throws IOException {
        FusedTable table = at("out", false);
        Files.createDirectory(directory.resolve("out"));
        assertThatThrownBy(() -> table.write(rows(3), 3)).isInstanceOf(OutputExistsException.class);
        assertThat(names(directory)).containsExactly("out");
    }

    @Test
    void aFailedRunLeavesNoOutputAndTheOldOneUntouched() throws IOException {
        Dataset<Row> failing = rows(10).map(
                        (MapFunction<Row, Row>) row -> {
                            if (row.getLong(0) == 7) {
                                throw new InputException("Cannot decode row '7'");
                            }
                            return row;
                        },
                        Encoders.row(rows(1).schema()));
        assertThatThrownBy(() -> at("out", false).write(failing, 10))
                .isInstanceOf(InputException.class)
                .hasMessage("Cannot decode row '7'");
        assertThat(names(directory)).isEmpty();
        at("out", false).write(rows(3), 3);
        assertThatThrownBy(() -> at("out", true).write(failing, 10)).isInstanceOf(InputException.class);
        assertThat(names(directory)).containsExactly("out");
        assertThat(spark.read().parquet(directory + "/out").count()).isEqualTo(3);
    }

    @Test
    void aCountThatIsNotTheKeysIsNotPublished() throws IOException {
        assertThatThrownBy(() -> at("out", false).write(rows(10), 11))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("Cannot publish 'file:" + directory.resolve("out")
                        + "': expected 11 rows (keys of the input), got 10; did the input change while it was read?");
        assertThat(names(directory)).isEmpty();
    }

    @Test
    void theOldOutputComesBackWhenTheNewOneCannotTakeItsPlace() throws IOException {
        at("out", false).write(rows(3), 3);
        Configuration hadoop = new Configuration();
        hadoop.setClass("fs.file.impl", NoNewOutput.class, RawLocalFileSystem.class);
        hadoop.setBoolean("fs.file.impl.disable.cache", true);
        FusedTable table = FusedTable.at(directory + "/out", true, List.of(), hadoop);
        assertThatThrownBy(() -> table.write(rows(5), 5)).hasMessageContaining("Cannot rename");
        assertThat(names(directory)).containsExactly("out");
        assertThat(spark.read().parquet(directory + "/out").count()).isEqualTo(3);
    }

    /** Cannot rename a staging directory. */
    public static final class NoNewOutput extends RawLocalFileSystem {
        @Override
        public boolean rename(org.apache.hadoop.fs.Path from, org.apache.hadoop.fs.Path to) throws IOException {
            return !from.getName().contains("staging") && super.rename(from, to);
        }
    }

    @Test
    void anOutputThatTouchesAnInputIsRefused() throws IOException {
        Files.createDirectories(directory.resolve("in/a"));
        for (String output : List.of("in/a", "in/a/out", "in", "in/./a/")) {
            assertThatThrownBy(() -> FusedTable.at(
                            directory + "/" + output, true, List.of(directory + "/in/*"), new Configuration()))
                    .isInstanceOf(InputException.class)
                    .hasMessageContaining("': expected a path apart from the input, got input '");
        }
        FusedTable.at(directory + "/in/b", true, List.of(directory + "/in/*"), new Configuration());
    }

    @Test
    void aPlaceWhereNothingCanBeCreatedIsNamed() throws IOException {
        Files.writeString(directory.resolve("file"), "no directory");
        assertThatThrownBy(() -> at("file/out", false).write(rows(1), 1))
                .isInstanceOf(InputException.class)
                .hasMessageStartingWith("Cannot write 'file:" + directory.resolve("file/out") + "': ");
    }

    @Test
    void aTableWithoutRowsHasItsSchema() {
        at("out", false).write(rows(0), 0);
        Dataset<Row> written = spark.read().parquet(directory + "/out");
        assertThat(written.count()).isZero();
        assertThat(written.columns()).containsExactly("id", "fused");
    }

    private FusedTable at(String name, boolean overwrite) {
        return FusedTable.at(directory + "/" + name, overwrite, List.of(), new Configuration());
    }

    private Dataset<Row> rows(int count) {
        return spark.range(0, count, 1, 2).selectExpr("id", "array(1f, 2f) as fused");
    }

    private static Set<String> names(Path directory) throws IOException {
        try (var files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).collect(Collectors.toCollection(TreeSet::new));
        }
    }

    private static List<ColumnChunkMetaData> chunks(Path directory) throws IOException {
        try (var files = Files.list(directory)) {
            Path file = files.filter(f -> f.toString().endsWith(".parquet"))
                    .findFirst()
                    .orElseThrow();
            org.apache.hadoop.fs.Path path = new org.apache.hadoop.fs.Path(file.toString());
            try (ParquetFileReader reader =
                    ParquetFileReader.open(HadoopInputFile.fromPath(path, new Configuration()))) {
                return reader.getFooter().getBlocks().get(0).getColumns();
            }
        }
    }
}
