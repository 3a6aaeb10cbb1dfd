package dev.braid.job;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

/** Signals themselves, and a full standard output, are sent to whole runs by {@code .ci/exit-codes}. */
class StopTest {
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

        assertThat(Braid.printed(ExitCode.DONE, new PrintWriter(new StringWriter()), new PrintWriter(error)))
                .isEqualTo(ExitCode.DONE);
        assertThat(Braid.printed(ExitCode.INPUT, full, new PrintWriter(error))).isEqualTo(ExitCode.INPUT);
        assertThat(error.toString()).isEmpty();
        assertThat(Braid.printed(ExitCode.DONE, full, new PrintWriter(error))).isEqualTo(ExitCode.FAILED);
        assertThat(error.toString()).startsWith("Cannot print the report: ").endsWith("is complete\n");
    }
}
