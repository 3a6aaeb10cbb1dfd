package dev.braid.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class OpenMpTest {

    @ParameterizedTest
    @CsvSource({
        "OMP_DYNAMIC,true,1",
        "OMP_DYNAMIC,TRUE,1",
        "OMP_DYNAMIC,false,4",
        "OMP_THREAD_LIMIT,3,1",
        "OMP_THREAD_LIMIT,4,4",
        "OMP_THREAD_LIMIT,many,4",
        "OMP_MAX_ACTIVE_LEVELS,0,1",
        "OMP_MAX_ACTIVE_LEVELS,1,4",
        "OMP_NUM_THREADS,1,4"
    })
    void fourThreadsAreDependableWhereTheEnvironmentAllowsFour(String name, String value, int expected) {
        assertThat(OpenMp.dependable(4, Map.of(name, value))).isEqualTo(expected);
    }

    @Test
    void anEnvironmentThatBindsThreadsToCoresIsRecognised() {
        for (String value : new String[] {"true", "TRUE", "close", "spread", "primary"}) {
            assertThat(OpenMp.bindsThreads(Map.of("OMP_PROC_BIND", value)))
                    .as(value)
                    .isTrue();
        }
        assertThat(OpenMp.bindsThreads(Map.of("OMP_PLACES", "cores"))).isTrue();
        assertThat(OpenMp.bindsThreads(Map.of("GOMP_CPU_AFFINITY", "0-3"))).isTrue();
        assertThat(OpenMp.bindsThreads(Map.of())).isFalse();
        assertThat(OpenMp.bindsThreads(Map.of("OMP_PROC_BIND", "False", "OMP_PLACES", "cores")))
                .isFalse();
    }

    @Test
    void oneThreadIsAlwaysThere() {
        assertThat(OpenMp.dependable(1, Map.of("OMP_DYNAMIC", "true"))).isEqualTo(1);
    }
}
