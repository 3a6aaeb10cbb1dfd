package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.core.Appender;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.config.ConfigurationSource;
import org.apache.logging.log4j.core.config.properties.PropertiesConfigurationFactory;
import org.apache.logging.log4j.core.impl.Log4jLogEvent;
import org.apache.logging.log4j.message.SimpleMessage;
import org.junit.jupiter.api.Test;

class LogLinesTest {
    private static final String CONFIGURATION = """
            appender.console.type = Console
            appender.console.name = console
            appender.console.target = SYSTEM_ERR
            appender.console.layout.type = PatternLayout
            appender.console.layout.pattern = %%d{HH:mm:ss} %%p %%c{1}: %%m%%n%s
            rootLogger.level = warn
            rootLogger.appenderRef.console.ref = console
            rootLogger.appenderRef.console.level = error
            logger.quiet.name = a.quiet
            logger.quiet.level = off
            """;

    private static LoggerContext context(String trace) throws IOException {
        LoggerContext context = new LoggerContext("test");
        ConfigurationSource source = new ConfigurationSource(
                new ByteArrayInputStream(CONFIGURATION.formatted(trace).getBytes(StandardCharsets.UTF_8)));
        context.start(new PropertiesConfigurationFactory().getConfiguration(context, source));
        return context;
    }

    private static JsonNode line(LoggerContext context, String message, Throwable thrown) throws IOException {
        Appender console =
                context.getConfiguration().getRootLogger().getAppenders().get("console");
        String line = new String(
                console.getLayout()
                        .toByteArray(Log4jLogEvent.newBuilder()
                                .setLoggerName("a.Logger")
                                .setLevel(Level.WARN)
                                .setMessage(new SimpleMessage(message))
                                .setThrown(thrown)
                                .setTimeMillis(1_764_201_600_123L)
                                .build()),
                StandardCharsets.UTF_8);
        assertThat(line).endsWith("}\n").hasLineCount(1);
        return new ObjectMapper().readTree(line);
    }

    @Test
    void theConsolesPatternBecomesAnObjectPerLine() throws IOException {
        LoggerContext context = context("%ex");
        LogLines.inJson(context);

        JsonNode line = line(context, "a \"quoted\" \\ word\nand é\tmore", new IllegalStateException("why"));
        assertThat(line.get("timestamp").asText()).isEqualTo("2025-11-27T00:00:00.123Z");
        assertThat(Instant.parse(line.get("timestamp").asText())).isEqualTo(Instant.ofEpochMilli(1_764_201_600_123L));
        assertThat(line.get("level").asText()).isEqualTo("WARN");
        assertThat(line.get("logger").asText()).isEqualTo("a.Logger");
        assertThat(line.get("message").asText()).isEqualTo("a \"quoted\" \\ word\nand é\tmore");
        assertThat(line.get("exception").asText()).contains("IllegalStateException: why", "\tat ");
        assertThat(line(context, "fine", null).has("exception")).isFalse();
    }

    @Test
    void levelsStayAndStackTracesThatThePatternLeavesOut() throws IOException {
        LoggerContext context = context("%ex{none}");
        LogLines.inJson(context);
        Appender json = context.getConfiguration().getAppender("console");
        LogLines.inJson(context);

        assertThat(context.getConfiguration().<Appender>getAppender("console")).isSameAs(json);
        assertThat(line(context, "fine", new IllegalStateException("why")).has("exception"))
                .isFalse();
        assertThat(context.getConfiguration().getLoggerConfig("a.quiet").getLevel())
                .isEqualTo(Level.OFF);
        assertThat(context.getConfiguration()
                        .getRootLogger()
                        .getAppenderRefs()
                        .get(0)
                        .getLevel())
                .isEqualTo(Level.ERROR);
    }
}
