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
 * Makes the console log of this JVM write JSON lines. Levels and filters stay as the user configured them. The pattern
 * works in every Log4j version of Spark 3.5 to 4.3; Log4j's own JsonTemplateLayout is only part of Spark 4. A console whose
 * layout is not a pattern does not change.
 */
final class LogLines {
    private static final String PATTERN = "{\"timestamp\":\"%d{yyyy-MM-dd'T'HH:mm:ss.SSS}{UTC}Z\",\"level\":\"%p\","
            + "\"logger\":\"%enc{%c}{JSON}\",\"message\":\"%enc{%m}{JSON}\"";

    private static final String TRACE = "%notEmpty{,\"exception\":\"%enc{%ex}{JSON}\"}";
    /** The part of a pattern that omits stack traces, as in conf/log4j2.properties. */
    private static final String NO_TRACE = "%ex{none}";

    private LogLines() {}

    /** Rewrites the console appenders of the log's configuration. Does nothing without Log4j, or if they are in JSON. */
    static void inJson() {
        // If nobody has configured the log, Spark does so later and would overwrite this change.
        new SparkConf(false).initializeLogIfNecessary(false);
        try {
            if (LogManager.getContext(false) instanceof LoggerContext context) {
                inJson(context);
            }
        } catch (LinkageError otherLog) {
            // Log4j is not in use, so there is no configuration to change.
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
