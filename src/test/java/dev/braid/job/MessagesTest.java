package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LoggerContext;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;

class MessagesTest {
    private final StringWriter error = new StringWriter();

    /** The log of this JVM was in JSON meanwhile. */
    @AfterAll
    static void logAsBefore() {
        ((LoggerContext) LogManager.getContext(false)).reconfigure();
    }

    private List<JsonNode> run(String... arguments) throws IOException {
        Braid.run(arguments, new PrintWriter(new StringWriter()), new PrintWriter(error));
        ObjectMapper json = new ObjectMapper();
        return error.toString()
                .lines()
                .map(line -> {
                    try {
                        return json.readTree(line);
                    } catch (IOException noJson) {
                        throw new AssertionError(line, noJson);
                    }
                })
                .toList();
    }

    @Test
    void aMessageOfSeveralLinesIsOneObject() throws IOException {
        List<JsonNode> lines = run("verify", "--log", "json", "--model", "/absent");

        assertThat(lines).hasSize(1);
        assertThat(lines.get(0).get("level").asText()).isEqualTo("ERROR");
        assertThat(lines.get(0).get("logger").asText()).isEqualTo("dev.braid.job.Braid");
        assertThat(lines.get(0).get("message").asText()).startsWith("Cannot read");
        assertThat(Instant.parse(lines.get(0).get("timestamp").asText())).isBeforeOrEqualTo(Instant.now());
    }

    @Test
    void soIsACommandLineThatCannotBeParsedAndAStackTrace() throws IOException {
        assertThat(run("fuse", "--log=json", "--modle", "m"))
                .extracting(line -> line.get("message").asText())
                .satisfiesExactly(
                        problem -> assertThat(problem).startsWith("Cannot parse option '--modle'"),
                        help -> assertThat(help).isEqualTo("See 'jobs/fuse.sh --help'"));
        error.getBuffer().setLength(0);
        assertThat(run("verify", "--verbose", "--log=json", "--model", "/absent"))
                .extracting(line -> line.get("message").asText())
                .satisfiesExactly(
                        trace -> assertThat(trace).contains("\n\tat dev.braid"),
                        problem -> assertThat(problem).startsWith("Cannot read"));
    }

    @Test
    void anotherFormIsRefused() {
        Braid.run(new String[] {"fuse", "--log", "xml"}, new PrintWriter(new StringWriter()), new PrintWriter(error));

        assertThat(error.toString()).startsWith("Cannot parse option '--log': expected text or json, got 'xml'\n");
    }

    @Test
    void figuresAreFieldsOfTheObject() throws IOException {
        Messages messages = new Messages(new PrintWriter(error));
        messages.info("Fusing", Map.of("rows", 3));
        assertThat(error).hasToString("Fusing\n");
        error.getBuffer().setLength(0);
        messages.inJson();
        messages.info("Fusing", Map.of("rows", 3));

        JsonNode line = new ObjectMapper().readTree(error.toString());
        assertThat(line.get("level").asText()).isEqualTo("INFO");
        assertThat(line.get("rows").asLong()).isEqualTo(3);
    }
}
