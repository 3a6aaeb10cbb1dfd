package dev.braid.decode;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import dev.braid.task.SerializationTest;
import org.apache.spark.SparkConf;
import org.apache.spark.serializer.JavaSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MaxBadRowsTest {

    @ParameterizedTest
    @CsvSource({
        "0, 0, 10, false",
        "0, 1, 10, true",
        "3, 3, 10, false",
        "3, 4, 10, true",
        "999999999999999999, 10, 10, false",
        "0%, 0, 10, false",
        "0%, 1, 10, true",
        "10%, 1, 10, false",
        "10 %, 1, 9, true",
        "0.1%, 1, 1000, false",
        "0.1%, 1, 999, true",
        "0.000000001%, 1, 99999999999, true",
        "100%, 10, 10, false",
        "100.0%, 9223372036854775807, 9223372036854775807, false",
    })
    void tooManyIsMoreThanTheNumberOrThePercentageSays(String limit, long bad, long rows, boolean exceeded) {
        MaxBadRows max = MaxBadRows.parse(limit).orElseThrow();
        assertThat(max.exceeded(bad, rows)).isEqualTo(exceeded);
        assertThat(SerializationTest.roundTrip(new JavaSerializer(new SparkConf()), max)
                        .exceeded(bad, rows))
                .isEqualTo(exceeded);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "-1", "1.5", "1e3", "101%", "100.1%", "%", "-1%", "five", "1%%", "1 2"})
    void anythingElseIsNoLimit(String text) {
        assertThat(MaxBadRows.parse(text)).isEmpty();
    }

    @Test
    void anExceededLimitIsNamedAsItWasWritten() {
        assertThatThrownBy(() -> MaxBadRows.parse("5").orElseThrow().check(6, 100))
                .isInstanceOf(InputException.class)
                .hasMessage(
                        "Cannot fuse: expected at most 5 bad rows of 100 rows (--max-bad-rows), got at least 6;"
                                + " nothing is published; with a higher --max-bad-rows, the quarantine says what is wrong with each");
        assertThatThrownBy(() -> MaxBadRows.parse("0.5%").orElseThrow().check(1, 100))
                .hasMessageStartingWith(
                        "Cannot fuse: expected at most 0.5% of 100 rows to be bad (--max-bad-rows), got");
        assertThatCode(() -> MaxBadRows.UNLIMITED.check(Long.MAX_VALUE, 1)).doesNotThrowAnyException();
    }
}
