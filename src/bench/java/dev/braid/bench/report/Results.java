package dev.braid.bench.report;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Measurements of one run and where they were made.
 *
 * @param environment null where the file does not say
 * @param measurements in the order they were made
 */
public record Results(Environment environment, List<Measurement> measurements) {
    private static final ObjectMapper JSON = JsonMapper.builder()
            .configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false)
            .enable(SerializationFeature.INDENT_OUTPUT)
            .build();

    /** Writes {@code PART.json}. */
    public void write(Path directory, Part part) {
        try {
            Files.createDirectories(directory);
            JSON.writeValue(file(directory, part).toFile(), this);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Reads those parts that a directory holds: objects as {@link #write} writes them, or bare lists of measurements. */
    public static List<Results> read(Path directory) throws IOException {
        List<Results> parts = new ArrayList<>();
        for (Part part : Part.values()) {
            Path file = file(directory, part);
            if (Files.exists(file)) {
                JsonNode root = JSON.readTree(file.toFile());
                parts.add(
                        root.isArray()
                                ? new Results(null, Arrays.asList(JSON.treeToValue(root, Measurement[].class)))
                                : JSON.treeToValue(root, Results.class));
            }
        }
        return parts;
    }

    private static Path file(Path directory, Part part) {
        return directory.resolve(part + ".json");
    }
}
