package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LxmertTest {
    private static final String CROSS = "encoder.x_layers.1.visual_attention.att.query.weight";

    @TempDir
    private Path path;

    private ModelDirectory golden() {
        return ModelDirectory.golden("lxmert", path);
    }

    @Test
    void streamsStacksAndBoxesAreRead() {
        ModelConfig config = golden().read().config();
        assertThat(config.modalities().get(0).maxPositions()).isEqualTo(8);
        assertThat(config.modalities().get(0).vocabularySize()).isEqualTo(11);
        assertThat(config.modalities().get(1).boxes()).isEqualTo(new BoxConfig(4, BoxFusion.MEAN));
        assertThat(config.stacks())
                .extracting(StackConfig::kind)
                .containsExactly(
                        StackConfig.Kind.ENCODER,
                        StackConfig.Kind.ENCODER,
                        StackConfig.Kind.CROSS_FIRST,
                        StackConfig.Kind.CROSS_FIRST);
        assertThat(config.stacks()).extracting(StackConfig::layers).containsExactly(2, 1, 2, 2);
        assertThat(config.stacks().get(3).layer().layerNormEps()).isEqualTo(1e-12f);
        assertThat(config.output()).containsExactly(0, 1);
        assertThat(config.pooling()).isEqualTo(Pooling.POOLER);
    }

    @Test
    void configOfAPublishedModelMayNameThePooling() {
        assertThat(pooling("mean").read().config().pooling()).isEqualTo(Pooling.MEAN);
        assertThatThrownBy(() -> pooling("average").read())
                .hasMessageContaining("'pooling' in config.json")
                .hasMessageContaining("one of none, cls, mean, max, last, pooler")
                .hasMessageContaining("got 'average'");
    }

    private ModelDirectory pooling(String pooling) {
        ModelDirectory golden = golden();
        return golden.config(golden.config().replace("\"x_layers\"", "\"pooling\": \"" + pooling + "\", \"x_layers\""));
    }

    @Test
    void crossAttentionIsHeldAndCountedOnce() {
        Inspection inspection = golden().inspect();
        List<StackWeights> stacks = inspection.checkpoint().weights().stacks();
        for (int layer = 0; layer < 2; layer++) {
            LinearWeights ofText =
                    stacks.get(2).layers().get(layer).attentions().get(0).query();
            LinearWeights ofVisual =
                    stacks.get(3).layers().get(layer).attentions().get(0).query();
            assertThat(ofVisual.weight()).isSameAs(ofText.weight());
        }
        Set<String> distinct = new HashSet<>();
        long parameters = inspection.tensors().stream()
                .filter(tensor -> distinct.add(tensor.name()))
                .mapToLong(tensor -> tensor.shape().elements())
                .sum();
        // The second row of token types is not used.
        assertThat(inspection.checkpoint().parameters()).isEqualTo(parameters - 18);
    }

    @Test
    void everyBrokenKeyAndTensorIsNamed() throws Exception {
        ModelDirectory model = golden();
        model.tensors().without(CROSS).random("encoder.visn_fc.box_fc.weight", 18, 5);
        assertThatThrownBy(model::read)
                .hasMessageContaining("Cannot load tensor '" + CROSS + "'")
                .hasMessageContaining("'encoder.visn_fc.box_fc.weight'")
                .hasMessageContaining("expected [18, 4] (hidden_size and visual_pos_dim in config.json), got [18, 5]");
        model = golden();
        String config = model.config();
        model.config(
                config.replace("\"r_layers\": 1", "\"r_layers\": 3").replace("\"l_layers\": 2", "\"l_layers\": 0"));
        assertThatThrownBy(model::read).hasMessageContaining("Cannot read 'l_layers' in config.json");
        model.config(config.replace("\"r_layers\": 1", "\"r_layers\": 3"));
        assertThatThrownBy(model::read)
                .hasMessageContaining("Cannot load the layers of r_layers")
                .hasMessageContaining("expected 3 layers (r_layers in config.json), got 1");
    }
}
