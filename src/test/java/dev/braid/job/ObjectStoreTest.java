package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.braid.spark.SharedSpark;
import dev.braid.storage.BucketFileSystem;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** The command on an object store, where a directory cannot be renamed and a file appears when it is closed. */
@ExtendWith(SharedSpark.class)
class ObjectStoreTest {
    private final Configuration hadoop;

    @TempDir
    private Path directory;

    private String error;

    ObjectStoreTest(SparkSession spark) {
        this.hadoop = spark.sparkContext().hadoopConfiguration();
    }

    @BeforeEach
    void register() {
        BucketFileSystem.register(hadoop);
    }

    @AfterEach
    void unregister() {
        hadoop.unset("fs.gs.impl");
        hadoop.unset("fs.gs.impl.disable.cache");
    }

    @Tag("slow")
    @Test
    void aTableIsWrittenReplacedUpdatedAndAuditedWithoutARenamedDirectory() throws IOException {
        assertThat(fuse()).as(error).contains("rows         390");
        List<String> first = parts();
        JsonNode manifest = manifest();
        List<String> named = new ArrayList<>();
        manifest.at("/files").forEach(file -> named.add(file.at("/file").asText()));
        assertThat(first)
                .containsExactlyInAnyOrderElementsOf(named)
                .allSatisfy(name -> assertThat(name)
                        .matches("part-\\d{5}-" + manifest.at("/run").asText() + "-[0-9a-f]{8}\\.zstd\\.parquet"));
        assertThat(fuse()).as(error).startsWith("Nothing to do: ");
        assertThat(fuse("--overwrite")).as(error).contains("rows         390");
        assertThat(parts()).hasSameSizeAs(first).doesNotContainAnyElementsOf(first);
        assertThat(run("audit", "--output=gs://bucket" + directory + "/out"))
                .as(error)
                .contains("rows");
        assertThat(names(directory)).containsExactly("out");
        assertThat(names(directory.resolve("out"))).contains("_SUCCESS", "_manifest.json");
    }

    @Test
    void aRenameIsRefusedBeforeAnythingIsRead() throws IOException {
        assertThat(fuse("--publish=rename")).isEmpty();
        assertThat(error).contains("got an object store, which copies its files one by one; pass '--publish manifest'");
        assertThat(names(directory)).isEmpty();
    }

    private String fuse(String... more) {
        List<String> arguments = new ArrayList<>(List.of(
                "fuse",
                "--model=src/demo/model",
                "--no-verify",
                "--features=visual=src/demo/visual.parquet",
                "--features=text=src/demo/text.parquet",
                "--dtype=visual=float16",
                "--dtype=text=float16",
                "--key=codepoints",
                "--output=gs://bucket" + directory + "/out"));
        arguments.addAll(List.of(more));
        return run(arguments.toArray(String[]::new));
    }

    /** What it prints to standard output. */
    private String run(String... arguments) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        Braid.run(arguments, new PrintWriter(out, true), new PrintWriter(err, true));
        error = err.toString();
        return out.toString();
    }

    private JsonNode manifest() throws IOException {
        return new ObjectMapper().readTree(Files.readString(directory.resolve("out/_manifest.json")));
    }

    private List<String> parts() throws IOException {
        return names(directory.resolve("out")).stream()
                .filter(name -> name.startsWith("part-"))
                .toList();
    }

    private static List<String> names(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }
}
