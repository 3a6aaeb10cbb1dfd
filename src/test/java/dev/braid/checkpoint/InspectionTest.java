package dev.braid.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.tensor.Shape;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSInputStream;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is told of a model directory, and what of it is read at all. */
class InspectionTest {
    @TempDir
    Path path;

    private static Map<String, String> roles(Inspection inspection) {
        return inspection.tensors().stream().collect(Collectors.toMap(PlacedTensor::name, PlacedTensor::role));
    }

    @Test
    void everyTensorOfASeedModelHasARoleOnce() {
        ModelDirectory model = ModelDirectory.seed(path);
        Inspection inspection = model.inspect();
        assertThat(inspection.dialect()).isEqualTo("torch.nn.TransformerEncoder");
        assertThat(inspection.unused()).isEmpty();
        assertThat(inspection.tensors())
                .extracting(PlacedTensor::name)
                .containsExactlyInAnyOrderElementsOf(model.tensors().names());
        String layer = "transformer_encoder.layers.1.";
        assertThat(inspection.tensors())
                .contains(
                        new PlacedTensor(
                                layer + "self_attn.in_proj_weight",
                                "layer 1 query, key and value weight",
                                DType.F32,
                                Shape.of(24, 8),
                                768),
                        new PlacedTensor(
                                "visual_extractor.model_net.bias",
                                "projection of 'visual' bias",
                                DType.F32,
                                Shape.of(8),
                                32));
        assertThat(inspection.tensors().get(0).role()).isEqualTo("projection of 'visual' weight");
        assertThat(roles(inspection))
                .containsEntry(layer + "self_attn.out_proj.bias", "layer 1 attention output bias")
                .containsEntry(layer + "linear1.weight", "layer 1 feed-forward 1 weight")
                .containsEntry(layer + "norm1.weight", "layer 1 attention norm weight")
                .containsEntry(layer + "norm2.bias", "layer 1 feed-forward norm bias");
        assertThat(inspection.tensors().stream().mapToLong(PlacedTensor::bytes).sum())
                .isEqualTo(inspection.checkpoint().bytes());
    }

    @Test
    void partsAroundTheLayersHaveTheirRoles() {
        Inspection vilt = ModelDirectory.golden("vilt", path).inspect();
        assertThat(roles(vilt))
                .containsEntry("embeddings.token_type_embeddings.weight", "modality embeddings")
                .containsEntry("embeddings.text_embeddings.position_embeddings.weight", "position embeddings of 'text'")
                .containsEntry("embeddings.text_embeddings.LayerNorm.bias", "embedding norm of 'text' bias")
                .containsEntry("layernorm.weight", "final norm weight")
                .containsEntry("pooler.dense.weight", "pooler weight");
        assertThat(roles(ModelDirectory.golden("flava", path).inspect()))
                .containsEntry("multimodal_model.cls_token", "CLS token")
                .containsEntry(
                        "multimodal_model.encoder.layer.0.attention.attention.query.weight", "layer 0 query weight");
        assertThat(roles(ModelDirectory.golden("visual-bert", path).inspect()))
                .containsEntry("embeddings.LayerNorm.weight", "embedding norm weight");
    }

    @Test
    void whatTwoModalitiesShareHasBothRolesAndIsHeldOnce() {
        ModelDirectory model = new ModelDirectory(path);
        model.torchLayer("layers.0.");
        model.torchLayer("layers.1.");
        model.linear("shared", 8, 6);
        model.config(ModelDirectory.CONFIG
                .formatted(", \"tensor_prefixes\": {\"text\": \"shared\", \"visual\": \"shared\"}")
                .replace("\"feature_size\": 9", "\"feature_size\": 6"));
        Inspection inspection = model.inspect();
        assertThat(roles(inspection))
                .containsEntry("shared.weight", "projection of 'visual' weight and projection of 'text' weight");
        List<ModalityWeights> modalities = inspection.checkpoint().weights().modalities();
        assertThat(modalities.get(0).projection().linear().weight())
                .isSameAs(modalities.get(1).projection().linear().weight());
    }

    @Test
    void unusedTensorsAreListedWithTheirSize() {
        ModelDirectory model = ModelDirectory.golden("flava", path);
        model.tensors().tensor("scale", DType.I64, new byte[24], 3);
        Inspection inspection = model.inspect();
        assertThat(inspection.unused()).anySatisfy(entry -> {
            assertThat(entry.name()).isEqualTo("scale");
            assertThat(entry.bytes()).isEqualTo(24);
        });
        assertThat(inspection.unused().size() + inspection.tensors().size())
                .isEqualTo(model.tensors().names().size());
        assertThat(inspection.unused())
                .extracting(TensorEntry::name)
                .contains("image_model.layernorm.weight")
                .doesNotContainAnyElementsOf(
                        inspection.tensors().stream().map(PlacedTensor::name).toList());
    }

    /** Local files, every range that is read of them noted. */
    public static final class NotingFileSystem extends RawLocalFileSystem {
        static final List<long[]> READ = new ArrayList<>();

        @Override
        public FSDataInputStream open(org.apache.hadoop.fs.Path file, int bufferSize) throws IOException {
            FSDataInputStream in = super.open(file, bufferSize);
            return new FSDataInputStream(new FSInputStream() {
                @Override
                public void seek(long position) throws IOException {
                    in.seek(position);
                }

                @Override
                public long getPos() throws IOException {
                    return in.getPos();
                }

                @Override
                public boolean seekToNewSource(long target) {
                    return false;
                }

                @Override
                public int read() throws IOException {
                    throw new IOException("byte by byte");
                }

                @Override
                public int read(byte[] buffer, int offset, int length) throws IOException {
                    long from = in.getPos();
                    int count = in.read(buffer, offset, length);
                    if (file.getName().endsWith(".safetensors") && count > 0) {
                        READ.add(new long[] {from, from + count});
                    }
                    return count;
                }

                @Override
                public void close() throws IOException {
                    in.close();
                }
            });
        }
    }

    @Test
    void bytesOfTensorsThatTheModelDoesNotNeedAreNeverRead() throws IOException {
        for (String name : List.of("flava", "vilt", "visual-bert", "torchmultimodal-flava")) {
            ModelDirectory model = ModelDirectory.golden(name, path);
            Inspection inspection = model.inspect();
            assertThat(inspection.unused()).isNotEmpty();
            NotingFileSystem.READ.clear();
            Configuration hadoop = new Configuration(false);
            hadoop.setClass("fs.file.impl", NotingFileSystem.class, org.apache.hadoop.fs.FileSystem.class);
            hadoop.setBoolean("fs.file.impl.disable.cache", true);
            Checkpoint checkpoint = Checkpoint.read(path.toUri().toString(), hadoop);
            long dataStart = 8L + model.tensors().header().length();
            List<long[]> data = NotingFileSystem.READ.stream()
                    .filter(range -> range[1] > dataStart)
                    .toList();
            Map<String, TensorEntry> unused =
                    inspection.unused().stream().collect(Collectors.toMap(TensorEntry::name, Function.identity()));
            for (TensorEntry entry : unused.values()) {
                assertThat(data)
                        .as(name + " " + entry.name())
                        .noneMatch(range -> range[0] < dataStart + entry.end() && dataStart + entry.begin() < range[1]);
            }
            assertThat(data.stream().mapToLong(range -> range[1] - range[0]).sum())
                    .as(name)
                    .isEqualTo(checkpoint.bytes());
        }
    }
}
