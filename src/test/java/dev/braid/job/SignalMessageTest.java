package dev.braid.job;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Signals themselves, and a full standard output, are sent to whole runs by {@code .ci/exit-codes}. */
class SignalMessageTest {
    private final StringWriter error = new StringWriter();

    /** A stream to a full disk. */
    private static final class Full extends OutputStream {
        @Override
        public void write(int b) throws IOException {
            throw new IOException("No space left on device");
        }
    }

    @Test
    void aReportThatIsLostFailsAGoodRunAlone() {
        PrintWriter full = new PrintWriter(new Full(), true, UTF_8);
        full.println("rows 3");

        assertThat(Braid.printed(
                        ExitCode.DONE, new PrintWriter(new StringWriter()), new Messages(new PrintWriter(error))))
                .isEqualTo(ExitCode.DONE);
        assertThat(Braid.printed(ExitCode.INPUT, full, new Messages(new PrintWriter(error))))
                .isEqualTo(ExitCode.INPUT);
        assertThat(error.toString()).isEmpty();
        assertThat(Braid.printed(ExitCode.DONE, full, new Messages(new PrintWriter(error))))
                .isEqualTo(ExitCode.FAILED);
        assertThat(error.toString()).startsWith("Cannot print the report: ").endsWith("is complete\n");
    }

    @Test
    void theLineSaysWhatHasBecomeOfTheOutputWhenTheSignalComes() {
        AtomicLong finished = new AtomicLong();
        SignalMessage.unpublished(finished::get);
        assertThat(SignalMessage.line())
                .isEqualTo("Stopped by a signal: nothing was published; start the same command again");
        finished.set(1);
        assertThat(SignalMessage.line())
                .isEqualTo("Stopped by a signal: nothing was published; the same command continues from the 1 row in"
                        + " finished files");
        finished.set(12_345);
        assertThat(SignalMessage.line()).endsWith("continues from the 12,345 rows in finished files");
        SignalMessage.publishing("hdfs://user:secret@host/fused");
        assertThat(SignalMessage.line())
                .isEqualTo("Stopped by a signal while the table was published: the same command completes"
                        + " 'hdfs://user:***@host/fused', or says that it is complete");
        SignalMessage.published("/fused");
        assertThat(SignalMessage.line())
                .isEqualTo("Stopped by a signal after the table was published: '/fused' is complete");
    }
}
