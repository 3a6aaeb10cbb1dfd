package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProgressLineTest {
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', textBlock = """
            0      | 0   | 400    | 0       | 3    | Fusing: 0 of 400 rows (0 %), 3 s
            0      | 0   | 400    | 0       | 75   | Fusing: 0 of 400 rows (0 %), 1 min 15 s
            100    | 0   | 400    | 5000    | 10   | Fusing: 100 of 400 rows (25 %), 5,000 tokens, 500 tokens/s, 30 s left
            1000   | 0   | 400000 | 1234567 | 60   | Fusing: 1,000 of 400,000 rows (0 %), 1,234,567 tokens, 20,576 tokens/s, 6 h 39 min left
            1000   | 0   | 4000   | 50000   | 60   | Fusing: 1,000 of 4,000 rows (25 %), 50,000 tokens, 833 tokens/s, 3 min 0 s left
            400    | 0   | 400    | 20000   | 10   | Fusing: 400 of 400 rows (100 %), 20,000 tokens, 2,000 tokens/s, finishing the output
            0      | 0   | 0      | 0       | 0    | Fusing: 0 of 0 rows (0 %), 0 s
            0      | 280 | 400    | 0       | 3    | Fusing: 280 of 400 rows (70 %), 3 s
            60     | 280 | 400    | 3000    | 30   | Fusing: 340 of 400 rows (85 %), 17,000 tokens, 100 tokens/s, 30 s left
            120    | 280 | 400    | 6000    | 60   | Fusing: 400 of 400 rows (100 %), 20,000 tokens, 100 tokens/s, finishing the output
            """)
    void saysHowFarARunIsAndHowLongItWillTake(
            long rows, long finished, long total, long tokens, long seconds, String line) {
        ProgressLine.Counts counts = new ProgressLine.Counts(rows, tokens, finished, 50 * finished);
        assertThat(ProgressLine.text(counts, total, Duration.ofSeconds(seconds)))
                .isEqualTo(line);
    }

    @Test
    void rewritesOneLineOnATerminalAndClearsItAtTheEnd() throws InterruptedException {
        StringWriter out = new StringWriter();
        AtomicLong rows = new AtomicLong(5);
        ProgressLine line = start(out, true, rows);
        waitFor(out, "5 of 10 rows");
        rows.set(10);
        waitFor(out, "10 of 10 rows");
        line.close();

        assertThat(out.toString())
                .startsWith("\r\u001b[KFusing: 5 of 10 rows")
                .doesNotContain("\n")
                .endsWith("\r\u001b[K");
    }

    @Test
    void printsPlainLinesElsewhere() throws InterruptedException {
        StringWriter out = new StringWriter();
        ProgressLine line = start(out, false, new AtomicLong(5));
        waitFor(out, "rows (50 %), 70 tokens, ");
        line.close();

        assertThat(out.toString()).doesNotContain("\r", "\u001b").endsWith("left\n");
    }

    @Test
    void isQuietOnceClosed() throws InterruptedException {
        StringWriter out = new StringWriter();
        start(out, false, new AtomicLong()).close();
        String then = out.toString();
        Thread.sleep(50);

        assertThat(out).hasToString(then);
    }

    private static ProgressLine start(StringWriter out, boolean terminal, AtomicLong rows) {
        return ProgressLine.start(
                new Messages(new PrintWriter(out, true)),
                terminal,
                Duration.ofMillis(5),
                10,
                () -> new ProgressLine.Counts(rows.get(), 70, 0, 0));
    }

    private static void waitFor(StringWriter out, String text) throws InterruptedException {
        for (int i = 0; i < 1000 && !out.toString().contains(text); i++) {
            Thread.sleep(5);
        }
        assertThat(out.toString()).contains(text);
    }
}
