package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The names in the files of training tools, and the clean names of their tensors. */
class CleanNamesTest {
    private static List<String> clean(String... stored) {
        CleanNames names = new CleanNames(List.of(stored));
        return Arrays.stream(stored).map(names::of).toList();
    }

    @ParameterizedTest
    @CsvSource({
        "_orig_mod.a.w, a.w",
        "a._orig_mod.w, a.w",
        "_fsdp_wrapped_module.a._fsdp_wrapped_module.w, a.w",
        "a._checkpoint_wrapped_module.w, a.w",
        "_forward_module._fpw_module.a.w, a.w",
        "module.a.w, a.w",
        "module.module.a.w, a.w",
        "a.module.w, a.w",
        "_module.a.w, a.w",
        "module._orig_mod.module.a._checkpoint_wrapped_module.module.w, a.w",
        "my_orig_mod.a.w, my_orig_mod.a.w",
        "a._orig_mod, a._orig_mod",
        "a.module, a.module",
        "modules.a.w, modules.a.w"
    })
    void wrappersAreRemovedWhereverTheyAre(String stored, String clean) {
        assertThat(clean(stored)).containsExactly(clean);
    }

    /** Of a model in which one module is called so among others. */
    @Test
    void aModuleAmongOthersIsNoWrapper() {
        assertThat(clean("module.w", "head.w")).containsExactly("module.w", "head.w");
        assertThat(clean("a.module.w", "a.head.w", "b.w")).containsExactly("a.module.w", "a.head.w", "b.w");
        assertThat(clean("module.a", "module0")).containsExactly("module.a", "module0");
        assertThat(clean("a.module.w", "a.module.v", "b.module.w", "b.u"))
                .containsExactly("a.w", "a.v", "b.module.w", "b.u");
    }

    @Test
    void theCounterOfAnAveragedModelIsNoTensorOfIt() {
        CleanNames names = new CleanNames(List.of("n_averaged", "module.a.w", "module.b.w"));
        assertThat(names.of("module.b.w")).isEqualTo("b.w");
        assertThat(names.isCounter("n_averaged")).isTrue();
        assertThat(names.isCounter("module.b.w")).isFalse();
        assertThat(new CleanNames(List.of("n_averaged", "a.w")).isCounter("n_averaged"))
                .isFalse();
        assertThat(new CleanNames(List.of("module.n_averaged")).of("module.n_averaged"))
                .isEqualTo("module.n_averaged");
    }

    @Test
    void tensorsThatWouldShareANameKeepTheirs() {
        assertThat(clean("_orig_mod.w", "w")).containsExactly("_orig_mod.w", "w");
        assertThat(clean("a._orig_mod.w", "_orig_mod.a.w", "_orig_mod.v"))
                .containsExactly("a._orig_mod.w", "_orig_mod.a.w", "v");
        // The first two keep their names, so that the third has to.
        assertThat(clean("module.a", "_orig_mod.module.a", "module.module.a"))
                .containsExactly("module.a", "_orig_mod.module.a", "module.module.a");
    }

    @Test
    void gammaAndBetaOfOneNormAreItsWeightAndBias() {
        CleanNames names = new CleanNames(List.of("n.gamma", "n.beta", "gamma", "beta", "ls.gamma", "m.weight"));
        assertThat(names.of("n.gamma")).isEqualTo("n.weight");
        assertThat(names.of("n.beta")).isEqualTo("n.bias");
        assertThat(names.of("gamma")).isEqualTo("weight");
        assertThat(names.renamedNorms()).isEqualTo(2);
        // A scale without a shift is no LayerNorm's.
        assertThat(names.of("ls.gamma")).isEqualTo("ls.gamma");
        assertThat(clean("n.gamma", "n.beta", "n.weight")).containsExactly("n.gamma", "n.beta", "n.weight");
        assertThat(clean("my_gamma", "my_beta")).containsExactly("my_gamma", "my_beta");
        assertThat(clean("n._orig_mod.gamma", "n._orig_mod.beta")).containsExactly("n.weight", "n.bias");
    }

    @Test
    void whatWasRemovedIsTold() {
        assertThat(new CleanNames(List.of("module._orig_mod.a", "module._orig_mod.b")).removed())
                .containsExactly("_orig_mod", "module");
        assertThat(new CleanNames(List.of("a", "b.module.c", "b.d")).removed()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "enc",
                "module.enc",
                "module._orig_mod.enc",
                "module._orig_mod.enc.module",
                "enc.module",
                "_orig_mod.enc",
                "enc._orig_mod"
            })
    void aPrefixMayBeWrittenWithWrappersOrWithout(String written) {
        CleanNames names = new CleanNames(List.of("module._orig_mod.enc.module.w", "module._orig_mod.head.w"));
        assertThat(names.of("module._orig_mod.enc.module.w")).isEqualTo("enc.w");
        assertThat(names.prefix(written)).isEqualTo("enc");
    }

    @Test
    void aPrefixThatIsKnownStays() {
        CleanNames names = new CleanNames(List.of("_orig_mod.w", "w", "module.v"));
        assertThat(names.prefix("_orig_mod")).isEqualTo("_orig_mod");
        assertThat(names.prefix("module")).isEqualTo("module");
        assertThat(names.prefix("")).isEmpty();
        assertThat(new CleanNames(List.of("_orig_mod.w")).prefix("_orig_mod")).isEmpty();
        assertThat(new CleanNames(List.of("module.w")).prefix("module")).isEmpty();
    }

    /** Work stays in proportion to the names, whatever is in them. */
    @Test
    void veryManyAndVeryLongNamesAreKnown() {
        List<String> stored = IntStream.range(0, 30_000)
                .mapToObj(i -> "module.".repeat(i % 50) + "a" + i)
                .toList();
        CleanNames names = new CleanNames(stored);
        assertThat(stored.stream().map(names::of).distinct()).hasSameSizeAs(stored);
        String endless = "module._orig_mod.".repeat(1 << 18) + "w";
        assertThat(clean(endless)).containsExactly(endless);
    }
}
