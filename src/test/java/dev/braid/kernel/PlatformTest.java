package dev.braid.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlatformTest {
    private static final String GLIBC = "7f00-7f01 r-xp 0 08:01 1 /lib/x86_64-linux-gnu/libc.so.6";
    private static final Predicate<String> X86_64 = "linux-x86_64"::equals;
    private static final String MUSL = "7f00-7f01 r-xp 0 08:01 1 /lib/ld-musl-x86_64.so.1";

    @Test
    void thisMachineFits() {
        assertThatCode(Platform::check).doesNotThrowAnyException();
        assertThat(Platform.problem("Linux", "amd64", GLIBC, X86_64)).isNull();
        assertThat(Platform.problem("Linux", "x86_64", GLIBC, X86_64)).isNull();
        assertThat(Platform.problem("Linux", "aarch64", GLIBC, "linux-arm64"::equals))
                .isNull();
    }

    @ParameterizedTest
    @CsvSource({
        "Linux,aarch64," + GLIBC + ",Linux on 'aarch64'",
        "Linux,riscv64," + GLIBC + ",Linux on 'riscv64'",
        "Linux,amd64," + MUSL + ",Linux with musl on 'amd64'",
        "Mac OS X,x86_64,'',Mac OS X on 'x86_64'",
        "Windows 11,amd64,'',Windows 11 on 'amd64'"
    })
    void anyOtherIsNamed(String system, String architecture, String maps, String got) {
        assertThat(Platform.problem(system, architecture, maps, X86_64))
                .isEqualTo(
                        "Cannot compute on this machine: expected Linux with glibc on an x86-64 processor (the native"
                                + " libraries in the jar), got " + got
                                + "; run Braid on such a machine or in a container of it");
    }

    @Test
    void aJarForAnotherProcessorIsNamed() {
        assertThat(Platform.problem("Linux", "amd64", GLIBC, "linux-arm64"::equals))
                .startsWith("Cannot compute on this machine: expected Linux with glibc on a 64-bit ARM processor")
                .contains("got Linux on 'amd64'");
    }
}
