package dev.braid.tables;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.Logger;
import org.apache.logging.log4j.core.appender.AbstractAppender;
import org.apache.logging.log4j.core.config.Property;

/** The warnings that Braid logs while it is open. */
final class Warnings extends AbstractAppender implements AutoCloseable {
    private final List<String> messages = new CopyOnWriteArrayList<>();
    private final Logger logger = (Logger) LogManager.getLogger("dev.braid");

    private Warnings() {
        super("warnings", null, null, true, Property.EMPTY_ARRAY);
    }

    static Warnings open() {
        Warnings warnings = new Warnings();
        warnings.start();
        warnings.logger.addAppender(warnings);
        return warnings;
    }

    @Override
    public void append(LogEvent event) {
        if (event.getLevel().equals(Level.WARN)) {
            messages.add(event.getMessage().getFormattedMessage());
        }
    }

    List<String> messages() {
        return messages;
    }

    @Override
    public void close() {
        logger.removeAppender(this);
        stop();
    }
}
