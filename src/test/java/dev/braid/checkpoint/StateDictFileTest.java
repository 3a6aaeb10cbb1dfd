package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.braid.InputException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which file is read; that the commands in these messages work is tested in Python. */
class StateDictFileTest {
    private static final String NONE = "Cannot read model.safetensors: expected the state dict in it, in the shards of"
            + " model.safetensors.index.json or in the only other .safetensors file, got ";

    private static String message(String... files) {
        try {
            return StateDictFile.find(List.of(files), List.of()) + " is found";
        } catch (InputException e) {
            assertThat(e).hasMessageStartingWith(NONE);
            return e.getMessage().substring(NONE.length());
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "model.fp16.safetensors",
                "diffusion_pytorch_model.safetensors",
                "pytorch_model.safetensors",
                "model-ema.safetensors",
                "model-00001-of-00001.safetensors",
                "model.safetensors.index.fp16.json",
                "diffusion_pytorch_model.safetensors.index.json"
            })
    void theOnlyOneOfAnotherNameIsRead(String name) {
        List<String> files = List.of(
                "config.json", "golden.safetensors", "model.fp16-00001-of-00002.safetensors", name, "optimizer.pt");
        assertThat(StateDictFile.find(files, List.of())).isEqualTo(name);
    }

    @Test
    void ofSeveralNoneIsRead() {
        assertThat(message("a.safetensors", "b.safetensors", "golden.safetensors"))
                .startsWith("'a.safetensors', 'b.safetensors'; keep only the one that is meant, or merge parts of"
                        + " a model in their directory with python -c \"")
                .endsWith("\" a.safetensors b.safetensors");
        assertThat(message("a.safetensors", "b.safetensors.index.json"))
                .isEqualTo("'a.safetensors', 'b.safetensors.index.json'; keep only the one that is meant");
    }

    @ParameterizedTest
    @CsvSource({
        "model-00001-of-00002.safetensors, model-*-of-00002.safetensors",
        "my model-00001-of-00002.safetensors, 'my model-*-of-00002.safetensors'",
    })
    void shardsWithoutTheirIndexAreMerged(String shard, String pattern) {
        assertThat(message(shard, shard.replace("00001", "00002")))
                .startsWith("shards without their index, such as '" + shard + "'; copy the index there too, or merge")
                .endsWith("\" " + (pattern.contains(" ") ? "'my model-'*-of-00002.safetensors" : pattern));
    }

    @ParameterizedTest
    @CsvSource({
        "pytorch_model.bin, pytorch_model.bin",
        "last.ckpt, last.ckpt",
        "best.pth.tar, best.pth.tar",
        "model.pkl, model.pkl",
        "mp_rank_00_model_states.pt, mp_rank_00_model_states.pt",
        "epoch=3-step=40.ckpt, \"'epoch=3-step=40.ckpt'\"",
        "a'b.pt, \"'a'\\''b.pt'\"",
        "-rf.pt, ./-rf.pt"
    })
    void onePickledFileIsConverted(String name, String argument) {
        assertThat(message("config.json", "optimizer.pt", "rng_state.pth", "training_args.bin", name))
                .startsWith("'" + name + "'; convert it in its directory with python -c \"")
                .endsWith("\" " + argument.replace("\"", ""));
    }

    @Test
    void severalPickledFilesAreNamedTogether() {
        assertThat(message("a.pt", "b.ckpt"))
                .startsWith("'a.pt', 'b.ckpt'; convert the right ones in their directory with")
                .endsWith("\" a.pt b.ckpt");
        assertThat(message("a.pt", "pytorch_model.bin")).startsWith("'pytorch_model.bin'; convert it");
        assertThat(message("pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"))
                .startsWith("shards such as 'pytorch_model-00001-of-00002.bin'; convert them")
                .endsWith("\" pytorch_model-*-of-00002.bin");
    }

    @Test
    void checkpointsOfDistributedTrainingAreToldApart() {
        assertThat(message(".metadata", "__0_0.distcp"))
                .startsWith("a checkpoint of torch.distributed.checkpoint; convert it in its directory with")
                .contains("torch.distributed.checkpoint.format_utils import dcp_to_torch_save")
                .endsWith("\" model.pt");
        assertThat(message("latest", "zero_to_fp32.py"))
                .isEqualTo("a checkpoint of DeepSpeed; write its weights with zero_to_fp32.py, which is there");
    }

    @Test
    void otherFilesAreNone() {
        assertThat(message("config.json", "golden.safetensors", "optimizer.pt", "zero_pp_rank_0_optim_states.pt"))
                .isEqualTo("no such file");
        assertThatThrownBy(() -> StateDictFile.find(List.of(), List.of("checkpoint-500", "runs")))
                .hasMessageEndingWith("no such file, but the directories 'checkpoint-500', 'runs'; give the one that"
                        + " holds it if one does");
    }

    /** A shell hands the command's text on as it is. */
    @Test
    void aCommandHasNothingThatAShellReplaces() {
        String script = ConversionCommand.of(List.of("a.pt"));
        assertThat(script.substring("python -c \"".length(), script.length() - "\" a.pt".length()))
                .doesNotContain("\"", "$", "`", "\\", "!");
    }
}
