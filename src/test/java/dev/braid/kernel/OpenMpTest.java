package dev.braid.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

class OpenMpTest {

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
}
