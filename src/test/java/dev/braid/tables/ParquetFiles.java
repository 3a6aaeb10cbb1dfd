package dev.braid.tables;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroup;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.hadoop.util.HadoopOutputFile;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;

/** Parquet files as other programs than Spark write them, by parquet-java: keys 'a', 'b', ... and flat features. */
final class ParquetFiles {
    private static final String FEATURES =
            " (LIST) { repeated group list { optional float element; } }\n  optional group ";

    private ParquetFiles() {}

    /** Writes rows of {@code tokens} tokens of two features; token t of a modality is t, t + 0.5. */
    static Path write(
            Path file, int rows, int tokens, String moreColumns, UnaryOperator<ExampleParquetWriter.Builder> more)
            throws IOException {
        MessageType schema = MessageTypeParser.parseMessageType("message m {\n  required binary id (STRING);\n"
                + "  optional group visual" + FEATURES + "text" + FEATURES.substring(0, FEATURES.indexOf('\n') + 1)
                + moreColumns + "\n}");
        Files.createDirectories(file.getParent());
        try (ParquetWriter<Group> writer = more.apply(ExampleParquetWriter.builder(HadoopOutputFile.fromPath(
                                new org.apache.hadoop.fs.Path(file.toUri()), new Configuration()))
                        .withType(schema))
                .build()) {
            for (int r = 0; r < rows; r++) {
                SimpleGroup row = new SimpleGroup(schema);
                row.add("id", String.valueOf((char) ('a' + r)));
                for (String modality : new String[] {"visual", "text"}) {
                    Group list = row.addGroup(modality);
                    for (int t = 0; t < 2 * tokens; t++) {
                        list.addGroup("list").add("element", (float) Math.floorDiv(t, 2) + (t % 2) * 0.5f);
                    }
                }
                writer.write(row);
            }
        }
        return file;
    }

    static Path write(Path file) throws IOException {
        return write(file, 2, 1, "", builder -> builder);
    }
}
