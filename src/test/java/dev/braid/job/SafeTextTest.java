package dev.braid.job;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SafeTextTest {
    @Test
    void aNameCannotMoveTheCursorNorForgeALine() {
        assertThat(SafeText.message("row 'a\u001b[2Jb\rc\u0007\u009bd\u202ee\u2028f\tg'"))
                .isEqualTo("row 'a\\u001b[2Jb\\u000dc\\u0007\\u009bd\\u202ee\\u2028f\tg'");
        assertThat(SafeText.message("row 'k\nrows         999999'")).isEqualTo("row 'k\\u000arows         999999'");
        assertThat(SafeText.message("Cannot load:\n  one\n  two")).isEqualTo("Cannot load:\n  one\n  two");
        assertThat(SafeText.message("图像 é 🍓 'x'")).isEqualTo("图像 é 🍓 'x'");
    }

    @Test
    void aTraceKeepsItsLines() {
        assertThat(SafeText.trace("a.B: c\n\tat d\u001b\n")).isEqualTo("a.B: c\n\tat d\\u001b\n");
    }

    @Test
    void aLineOfAnyLengthStaysReadable() {
        assertThat(SafeText.message("x".repeat(10_000_000) + "\n  next")).isEqualTo("x".repeat(2000) + "...\n  next");
    }

    @Test
    void whatFollowsALongKeyIsShown() {
        assertThat(SafeText.message("Spark's row '" + "k".repeat(10_000_000) + "': expected 'b', got 'c'"))
                .isEqualTo("Spark's row '" + "k".repeat(500) + "...': expected 'b', got 'c'");
    }

    @ParameterizedTest
    @CsvSource({
        "'hdfs://user:SECRET@host:8020/x',           'hdfs://user:***@host:8020/x'",
        "'Cannot read ''s3n://KEY:SEC/RET+x@bucket/y''', 'Cannot read ''s3n://KEY:***@bucket/y'''",
        "'http://u:p@ss@host/x and http://v:q@h/y',  'http://u:***@host/x and http://v:***@h/y'",
        "'hdfs://nn:8020/a@b',                       'hdfs://nn:8020/a@b'",
        "'wasb://container@account/x',               'wasb://container@account/x'",
        "'https://host/x?sig=abc&password=d&y=1',    'https://host/x?sig=***&password=***&y=1'",
        "'got ''spark.hadoop.fs.s3a.secret.key=abc/+='', x', 'got ''spark.hadoop.fs.s3a.secret.key=***'', x'",
        "'fs.azure.account.key.me.core.net=abc==',   'fs.azure.account.key.me.core.net=***'",
        "'fs.s3a.access.key=a spark.ssl.keyPassword=b', 'fs.s3a.access.key=*** spark.ssl.keyPassword=***'",
        "'--max-tokens=5, max-token=6, insignificant=7', '--max-tokens=5, max-token=6, insignificant=7'",
        "'file:/data/a:b@c',                         'file:/data/a:b@c'",
    })
    void passwordsInAUriAreMasked(String text, String shown) {
        assertThat(SafeText.message(text)).isEqualTo(shown);
    }
}
