package dev.braid.bench.report;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Measurements of one run and where they were made.
 *
 * @param environment of all of them
 * @param measurements in the order they were made
 * @param slots of end to end, else none
 * @param start of end to end, else none
 * @param memory of end to end, else none
 * @param ends of {@link Part#ENDS}, else none
 */
public record Results(
        Environment environment,
        List<Measurement> measurements,
        List<JobSlots> slots,
        List<Start> start,
        List<PeakMemory> memory,
        List<End> ends) {
    private static final ObjectMapper JSON = JsonMapper.builder()
            .configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false)
            .enable(SerializationFeature.INDENT_OUTPUT)
            .build();

    /** Missing lists are empty. */
    public Results {
        measurements = measurements == null ? List.of() : measurements;
        slots = slots == null ? List.of() : slots;
        start = start == null ? List.of() : start;
        memory = memory == null ? List.of() : memory;
        ends = ends == null ? List.of() : ends;
    }

    /** Of a part inside the JVM. */
    public Results(Environment environment, List<Measurement> measurements) {
        this(environment, measurements, List.of(), List.of(), List.of(), List.of());
    }

    /**
     * Braid's whole job in so many task slots.
     *
     * @param slots of one thread each
     * @param rows of the table
     * @param seconds one entry per round
     */
    public record JobSlots(int slots, long rows, List<Double> seconds) {}

    /**
     * What it costs to begin.
     *
     * @param demoSeconds the fusion of the demo from its command to its end, one entry per round
     * @param taskRows rows of a small task
     * @param taskSeconds what such a task takes beyond its rows, one entry per round
     */
    public record Start(
            @JsonProperty("demo_seconds") List<Double> demoSeconds,
            @JsonProperty("task_rows") int taskRows,
            @JsonProperty("task_seconds") List<Double> taskSeconds) {}

    /**
     * The largest resident set of Braid's process.
     *
     * @param rows of the table
     * @param peakBytes of the process, its JVM's heap included
     */
    public record PeakMemory(
            long rows, @JsonProperty("peak_bytes") long peakBytes) {}

    /**
     * Reading features, or writing vectors, by Braid and by PyArrow.
     *
     * @param end read or write
     * @param form how features or vectors are stored
     * @param rows of the table
     * @param numbers in all rows
     * @param braidSeconds of Braid's stages in one task slot, one entry per round
     * @param pyarrowSeconds of PyArrow's processor time, one entry per round
     */
    public record End(
            String end,
            String form,
            long rows,
            long numbers,
            @JsonProperty("braid_seconds") List<Double> braidSeconds,
            @JsonProperty("pyarrow_seconds") List<Double> pyarrowSeconds) {}

    /** The part that was measured; none if nothing was. */
    Optional<Part> part() {
        return measurements.isEmpty()
                ? Optional.of(Part.ENDS).filter(part -> !ends.isEmpty())
                : Optional.of(Part.of(measurements.get(0).part()));
    }

    /** Writes {@code PART.json}. */
    public void write(Path directory, Part part) {
        try {
            Files.createDirectories(directory);
            JSON.writeValue(file(directory, part).toFile(), this);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Reads those parts that a directory holds: objects as {@link #write} writes them. */
    public static List<Results> read(Path directory) throws IOException {
        List<Results> parts = new ArrayList<>();
        for (Part part : Part.values()) {
            Path file = file(directory, part);
            if (Files.exists(file)) {
                parts.add(JSON.readValue(file.toFile(), Results.class));
            }
        }
        return parts;
    }

    private static Path file(Path directory, Part part) {
        return directory.resolve(part + ".json");
    }
}
