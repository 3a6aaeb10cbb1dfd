package dev.braid.job;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.Appender;
import org.apache.logging.log4j.core.LoggerContext;
import org.apache.logging.log4j.core.appender.ConsoleAppender;
import org.apache.logging.log4j.core.config.AppenderRef;
import org.apache.logging.log4j.core.config.Configuration;
import org.apache.logging.log4j.core.config.LoggerConfig;
import org.apache.logging.log4j.core.layout.PatternLayout;
import org.apache.spark.SparkConf;

/**
 * The log of this JVM as JSON lines: whatever the user's configuration writes to the console, with its levels and filters, in
 * a pattern that every Log4j of Spark 3.5 to 4.3 has. Its JsonTemplateLayout comes with Spark 4 alone; a console that has
 * another layout than a pattern keeps it.
 */
final class LogLines {
    private static final String PATTERN = "{\"timestamp\":\"%d{yyyy-MM-dd'T'HH:mm:ss.SSS}{UTC}Z\",\"level\":\"%p\","
            + "\"logger\":\"%enc{%c}{JSON}\",\"message\":\"%enc{%m}{JSON}\"";

    private static final String TRACE = "%notEmpty{,\"exception\":\"%enc{%ex}{JSON}\"}";
    /** What a pattern says that leaves stack traces out, as conf/log4j2.properties does. */
    private static final String NO_TRACE = "%ex{none}";

    private LogLines() {}

    /** Rewrites the consoles of the configuration; does nothing if the log is not Log4j's, or in JSON already. */
    static void inJson() {
        // Otherwise Spark would configure the log later, where nobody else has, over what is done here.
        new SparkConf(false).initializeLogIfNecessary(false);
        try {
            if (LogManager.getContext(false) instanceof LoggerContext context) {
                inJson(context);
            }
        } catch (LinkageError otherLog) {
            // There is no Log4j whose configuration could be changed.
        }
    }

    static void inJson(LoggerContext context) {
        Configuration configuration = context.getConfiguration();
        for (Appender appender : configuration.getAppenders().values()) {
            if (appender instanceof ConsoleAppender console
                    && console.getLayout() instanceof PatternLayout layout
                    && !layout.getConversionPattern().startsWith(PATTERN)) {
                replace(console, layout.getConversionPattern(), configuration);
            }
        }
        context.updateLoggers();
    }

    private static void replace(ConsoleAppender console, String before, Configuration configuration) {
        String pattern = PATTERN + (before.contains(NO_TRACE) ? "" : TRACE) + "}%n";
        ConsoleAppender json = ConsoleAppender.newBuilder()
                .setName(console.getName())
                .setTarget(console.getTarget())
                .setFilter(console.getFilter())
                .setConfiguration(configuration)
                .setLayout(PatternLayout.newBuilder()
                        .withPattern(pattern)
                        .withAlwaysWriteExceptions(false) // Log4j 2.24 does not find %ex within another converter
                        .withConfiguration(configuration)
                        .build())
                .build();
        json.start();
        configuration.addAppender(json);
        for (LoggerConfig logger : configuration.getLoggers().values()) {
            for (AppenderRef ref : logger.getAppenderRefs()) {
                if (ref.getRef().equals(console.getName())) {
                    logger.removeAppender(console.getName());
                    logger.addAppender(json, ref.getLevel(), ref.getFilter());
                }
            }
        }
    }
}
