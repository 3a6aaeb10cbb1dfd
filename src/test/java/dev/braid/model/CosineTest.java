package dev.braid.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.braid.checkpoint.Checkpoint;
import dev.braid.checkpoint.Golden;
import dev.braid.checkpoint.GoldenOutput;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;

class CosineTest {
    private static final String DIRECTORY =
            GoldenParityTest.GOLDEN.resolve("seed-small").toString();
    private static final GoldenOutput POOLED = Golden.read(
                    DIRECTORY, Checkpoint.read(DIRECTORY, new Configuration()).config(), new Configuration())
            .orElseThrow()
            .pooled();

    @Test
    void isOneForTheSameDirectionAndMinusOneForTheOpposite() {
        assertThat(of(3f).value()).isEqualTo(1, within(1e-9));
        assertThat(of(-0.5f).value()).isEqualTo(-1, within(1e-9));
    }

    @Test
    void isMinusOneWhereThereIsNoDirection() {
        assertThat(of(0f).value()).isEqualTo(-1);
        assertThat(of(Float.NaN).value()).isEqualTo(-1);
        assertThat(of(Float.POSITIVE_INFINITY).value()).isEqualTo(-1);
    }

    @Test
    void aCosineThatIsTooSmallNeverLooksAsIfItWereNot() {
        assertThat(new Cosine("pooled", 2, -1, 0.9989999999).digits()).isEqualTo("0.998999");
        assertThat(new Cosine("pooled", 2, -1, 1).digits()).isEqualTo("1.000000");
    }

    /** Of PyTorch's own vector, multiplied. */
    private static Cosine of(float factor) {
        float[] vector = POOLED.row(1);
        for (int i = 0; i < vector.length; i++) {
            vector[i] *= factor;
        }
        return Cosine.of(POOLED, 1, 1, -1, vector);
    }
}
